# SPDX-License-Identifier: Apache-2.0
"""The distance of images in features of a critic that is trained along.

Larsen, Soenderby, Larochelle, Winther: Autoencoding beyond pixels using a learned
similarity metric, 2016. https://arxiv.org/abs/1512.09300
"""

__all__ = ["CriticFeatures"]

from glf_tf import types
from glf_tf.objectives import contested


class CriticFeatures(contested.AbstractContested):
    """Distances in features of a critic D that tells images from reconstructions.

        features * sum_l mean |f_l(x) - f_l(y)| + squared_error * sum((x - y)^2)
            - weight * mean(D(y)),                                     y = G(E(x))
        critic:  mean(relu(1 - D(x))) + mean(relu(1 + D(y)))

    D judges patches of images in [-1, 1] (`networks/patch_critic.py`), and has an
    update of its own before the autoencoder's; `f_l` are its features. A critic that is
    helpless has a loss of 1 on either kind. It is not a likelihood and has no unit.

    Deviation: the authors have one layer's features in a squared distance, cross
    entropies, decoded draws of the prior beside reconstructions, and let no judgement
    reach the encoder. Here are all layers in an absolute one, the hinge with spectral
    normalisation, no draws, as most priors are not learned yet, and one gradient for
    encoder and decoder.

    Args:
        image_shape: (height, width, channels).
        features: Weight of the distance of the critic's features.
        squared_error: Weight of the squared error of pixels in [0, 1], summed over an
            image.
        weight: Weight of the critic's judgement; 0 for features alone.
        spectral: Whether the critic's kernels are divided by their spectral norms.
        **kwargs: As in `AbstractContested`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        features: float = 10.0,
        squared_error: float = 0.3,
        weight: float = 0.0,
        spectral: bool = True,
        **kwargs,
    ):
        contested.check(
            of_error={"features": features, "squared_error": squared_error},
            others={"weight": weight},
        )
        super().__init__(
            image_shape,
            error="squared_error",
            error_weight=squared_error,
            features=features,
            spectral=spectral,
            **kwargs,
        )
        self._judgement = contested.Judgement(weight)

    @property
    def judgement(self) -> contested.Judgement:
        """The judgement of a fixed weight."""
        return self._judgement
