# SPDX-License-Identifier: Apache-2.0
"""An error of reconstructions beside the judgement of a critic of patches.

Esser, Rombach, Ommer: Taming Transformers for High-Resolution Image Synthesis, 2021,
section 3.1. https://arxiv.org/abs/2012.09841
Rombach, Blattmann, Lorenz, Esser, Ommer: High-Resolution Image Synthesis with Latent
Diffusion Models, 2022, appendix G (its first stages). https://arxiv.org/abs/2112.10752
"""

__all__ = ["PatchAdversarial"]

from glf_tf import checks, types
from glf_tf.objectives import contested


class PatchAdversarial(contested.AbstractContested):
    """An error of reconstructions, and the judgement of a critic D of their patches.

        L_rec = error(x, y) + features * sum_l mean |f_l(x) - f_l(y)|
        L_gan = -mean(D(y)),                                           y = G(E(x))
        loss  = L_rec + weight * lambda * L_gan
        lambda = min(|grad L_rec| / (|grad L_gan| + 1e-4), 1e4)               (eq. 7)
        critic:  mean(relu(1 - D(x))) + mean(relu(1 + D(y)))

    with gradients at the kernel of the decoder's last layer, of the batch on all
    devices in training. D judges patches of images in [-1, 1]
    (`networks/patch_critic.py`), and has an update of its own before the autoencoder's;
    `f_l` are its features. It is not a likelihood and has no unit.

    Before the step `start` of the stage, neither critic nor judgement has a weight: the
    autoencoder learns by its error alone, and the critic rests. The features of the
    critic, which are random until then, have their weight all along.

    With spectral norms the critic's gradients are small, and the adaptive weight large:
    then a fixed weight of about 1 does better.

    Deviation: the authors' critic has batch normalisation, which here it has not, and
    the autoencoder's update comes first, here the critic's.

    Args:
        image_shape: (height, width, channels).
        error: The error of reconstructions, such as `squared_error` or `perceptual`.
        features: Weight of the distance of the critic's features; 0 for none.
        weight: Weight of the critic's judgement, beside that of its gradient.
        adaptive: Whether the judgement is weighted by the ratio of the gradients.
        start: The step of the stage with which the critic begins.
        spectral: Whether the critic's kernels are divided by their spectral norms.
        **kwargs: As in `AbstractContested`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        error: types.Reconstruction = "squared_error",
        features: float = 0.0,
        weight: float = 0.5,
        adaptive: bool = True,
        start: int = 0,
        spectral: bool = False,
        **kwargs,
    ):
        contested.check(
            of_error={"error": 1.0},
            others={"features": features, "weight": weight},
        )
        super().__init__(
            image_shape,
            error=error,
            error_weight=1.0,
            features=features,
            spectral=spectral,
            **kwargs,
        )
        self._judgement = contested.Judgement(
            weight, is_adaptive=adaptive, start=checks.at_least("start", start, 0)
        )

    @property
    def judgement(self) -> contested.Judgement:
        """The judgement, by default of an adaptive weight."""
        return self._judgement
