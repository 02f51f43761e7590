# SPDX-License-Identifier: Apache-2.0
"""The base class of reconstruction terms with a critic that is trained along.

Larsen, Soenderby, Larochelle, Winther: Autoencoding beyond pixels using a learned
similarity metric, 2016. https://arxiv.org/abs/1512.09300
Esser, Rombach, Ommer: Taming Transformers for High-Resolution Image Synthesis, 2021.
https://arxiv.org/abs/2012.09841
"""

__all__ = ["AbstractContested", "Judgement", "check"]

import abc
import dataclasses
from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from glf_tf import checks, errors, parts, seeds, types
from glf_tf.networks import patch_critic
from glf_tf.objectives import judging, reconstruction


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What a critic's judgement counts.

    Attributes:
        weight: Its weight beside the error; 0 for none.
        is_adaptive: Whether this weight is multiplied by the ratio of the gradients at
            the decoder's last layer.
        start: The step of the stage with which the critic begins to learn and to judge.
    """

    weight: float
    is_adaptive: bool = False
    start: int = 0


class AbstractContested(reconstruction.AbstractReconstruction):
    """An error of reconstructions, and a critic's judgement of them.

        reconstruction = error_weight * error(x, y)
                         + features * sum_l mean |f_l(x) - f_l(y)|
        judged         = -mean(D(y))

    The critic D is `networks/patch_critic.py`, of images in [-1, 1]; it has an update
    of its own, before that of the autoencoder, which the model makes from
    `critic_terms`.

    Attributes:
        critic: The critic.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        error: types.Reconstruction,
        error_weight: float,
        features: float,
        spectral: bool,
        widths: Sequence[int] = (32, 64, 128),
        noise: float = 0.0,
        **kwargs,
    ):
        """Initializes the term.

        Args:
            image_shape: (height, width, channels).
            error: The error beside that of the critic's features.
            error_weight: Its weight.
            features: Weight of the distance of the critic's features.
            spectral: Whether the critic's kernels are divided by their spectral norms.
            widths: Channels of the critic's convolutions, of which each halves the
                image.
            noise: Standard deviation of normal noise on all images that the critic sees
                in training, which are in [-1, 1].
            **kwargs: Keyword arguments of `keras.layers.Layer`.

        Raises:
            InvalidValue: The noise is negative.
            Unsupported: The error has a critic itself.
        """
        super().__init__(image_shape, **kwargs)
        self._error_weight, self._features = error_weight, features
        self.error = parts.make(
            "reconstruction", error, image_shape=self.image_shape, name="error"
        )
        _check_alone(self.error)
        # Of its own scope: a model that is sharpened has another critic of patches.
        with keras.name_scope("reconstruction"):
            self.critic = patch_critic.patch_critic(
                self.image_shape, widths=tuple(widths), is_spectral=spectral
            )
        checks.not_negative("noise", noise)
        self._judge = judging.Judge(self.critic, noise=noise)

    @property
    @abc.abstractmethod
    def judgement(self) -> Judgement:
        """What the critic's judgement counts, and from when on."""

    def learned_layers(self) -> tuple[keras.layers.Layer, ...]:
        """Returns the layers that learn with the autoencoder: not the critic."""
        return (self.error,)

    def call(self, image, logits):
        """Returns the weighted error of each image, without noise, `[batch]`."""
        how = {"seed": seeds.make(0), "training": False}  # which draws nothing
        return self.terms(image, logits, **how)["reconstruction"]

    @property
    def measured(self) -> tuple[str, ...]:
        """The names of the terms that are no loss of their own."""
        return ("error", "features")

    def terms(
        self, image: tf.Tensor, logits: tf.Tensor, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the weighted sum "reconstruction", its parts, and "judged".

        The parts are "error" and "features"; each is `[batch]`.
        """
        image, logits = (tf.cast(x, self.compute_dtype) for x in (image, logits))
        made = {"": tf.sigmoid(logits)}
        how = {"seed": seed, "training": training}
        terms = self._judge.maker_terms(image, made, **how)
        terms["error"] = self.error(image, logits)
        weighted = (
            (self._error_weight, terms["error"]),
            (self._features, terms["features"]),
        )
        # What has no weight must not make NaN of its infinity.
        summed = [weight * value for weight, value in weighted if weight > 0.0]
        return {**terms, "reconstruction": tf.add_n(summed)}

    def critic_terms(
        self, image: tf.Tensor, logits: tf.Tensor, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "critic_real" and "critic_made", each `[batch]`."""
        made = {"": tf.sigmoid(tf.cast(logits, self.compute_dtype))}
        image = tf.cast(image, self.compute_dtype)
        how = {"seed": seed, "training": training}
        return self._judge.critic_terms(image, made, **how)


def check(*, of_error: Mapping[str, float], others: Mapping[str, float]) -> None:
    """Checks the options of a term before its layers are made.

    Args:
        of_error: Weights of what is an error of reconstructions, by name.
        others: Other numbers that must not be negative.

    Raises:
        InvalidValue: A number is negative, or all weights of the error are 0.
    """
    for name, value in {**of_error, **others}.items():
        checks.not_negative(name, value)
    if not any(of_error.values()):
        raise errors.InvalidValue(
            "Reconstructions have an error, of a weight above 0",
            received=", ".join(f"{name}={value}" for name, value in of_error.items()),
            do="Use for instance features=10",
        )


def _check_alone(error: reconstruction.AbstractReconstruction) -> None:
    if isinstance(error, AbstractContested):
        raise errors.Unsupported(
            "The error beside a critic's judgement has no critic of its own",
            received=f"error={type(error).__name__}",
            do="Use for instance --reconstruction.error=squared_error or perceptual",
        )
