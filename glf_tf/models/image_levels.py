# SPDX-License-Identifier: Apache-2.0
"""Images as whole levels, and as the real numbers that a flow on images maps."""

__all__ = ["Dequantization", "HasLevels", "Preprocessing"]

from typing import Literal

import tensorflow as tf

from glf_tf import checks, errors
from glf_tf.bijectors import dequantization as dequantization_lib
from glf_tf.bijectors import preprocessing as preprocessing_lib
from glf_tf.layers import never_empty

Preprocessing = Literal["logit", "centre"]
"""Logits, as RealNVP has them, or the numbers less 1/2, as Glow has them."""

Dequantization = Literal["uniform", "variational"]
"""Noise from U(0, 1), or noise whose density is learned with the flow."""


class HasLevels:
    """A model with a flow on images of `2^bits` levels, to which noise is added.

    Attributes:
        bits: Bits that images are reduced to.
        preprocessing: The step from [0, 1] to what the flow maps.
        dequantization: The noise.
    """

    def _set_levels(
        self,
        bits: int,
        *,
        preprocessing: Preprocessing,
        alpha: float,
        dequantization: Dequantization,
        dequantization_hidden: int,
    ) -> None:
        hidden = checks.at_least("dequantization_hidden", dequantization_hidden, 1)
        self.bits = _checked_bits(bits)
        self.preprocessing = _preprocessing(preprocessing, alpha)(
            self.image_shape, name="preprocessing"
        )
        self.dequantization = _dequantization(dequantization)(
            self.image_shape, hidden=hidden, name="dequantization"
        )

    def _dequantized(
        self, image: tf.Tensor, *, seed: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns images with noise in [0, 1), and its log-density, `[batch]`."""
        level = self._levels(image)
        noise, log_noise = self.dequantization.draw(
            level / (2**self.bits - 1), seed=seed, training=training
        )
        return (level + noise) / 2**self.bits, log_noise

    def _levels(self, image: tf.Tensor) -> tf.Tensor:
        """Returns the levels of images, whole numbers below `2^bits` as floats."""
        level = tf.round(tf.cast(image, self.flow.compute_dtype) * 255.0)
        return tf.floor(level / 2 ** (8 - self.bits))

    def _decoded_levels(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the numbers of images that round to levels, without bounds."""
        y = self.flow.bijector().forward(tf.cast(z, self.flow.compute_dtype))
        return self.preprocessing.bijector().forward(y) * 2**self.bits - 0.5

    def _decode(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns images of whole levels, through which gradients pass unrounded."""
        del training
        largest = 2**self.bits - 1.0
        level = never_empty.apply(self._decoded_levels, z)
        level = tf.clip_by_value(level, 0.0, largest)
        level += tf.stop_gradient(tf.round(level) - level)
        return tf.cast(level / largest, tf.float32)

    def inverse_error(self, image: tf.Tensor) -> tf.Tensor:
        """Returns how far images are from the decoded ones of their latents, `[batch]`.

        The largest distance of an image's numbers, in levels, of which there are
        `2^bits`: what is below 1/2 is rounded away. It may be NaN or infinite where the
        inverse explodes.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].

        Raises:
            InvalidType: The images are not floats.
            InvalidValue: They have another shape than the model's, or values outside of
                [0, 1], or NaN.
        """
        # A bijector would give back the images that its noise is of: decoding has
        # bijectors, and a tensor, of its own.
        level = self._decoded_levels(tf.identity(self.encode(image)))
        return tf.reduce_max(tf.abs(level - self._levels(image)), axis=[1, 2, 3])


def _preprocessing(kind: str, alpha: float):
    if kind == "centre":
        return preprocessing_lib.Centre
    return lambda *args, **kwargs: preprocessing_lib.Logit(*args, alpha=alpha, **kwargs)


def _dequantization(kind: str):
    if kind == "variational":
        return dequantization_lib.Variational
    return lambda image_shape, hidden, name: dequantization_lib.Uniform(name=name)


def _checked_bits(bits: int) -> int:
    if not 1 <= bits <= 8:
        raise errors.InvalidValue(
            "`bits`, to which images are reduced, must be 1 to 8",
            received=f"bits={bits}",
            do="Use 8, or 5 as Glow does for faces",
        )
    return bits
