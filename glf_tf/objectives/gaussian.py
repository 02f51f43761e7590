# SPDX-License-Identifier: Apache-2.0
"""A Gaussian decoder, whose variance is fixed, given or learned.

Dai, Wipf: Diagnosing and Enhancing VAE Models, 2019, section 4 (the learned variance).
https://arxiv.org/abs/1903.05789
"""

__all__ = ["AbstractGaussian", "Gaussian"]

import math

import tensorflow as tf

from glf_tf import errors, types
from glf_tf.objectives import reconstruction


class AbstractGaussian(reconstruction.AbstractPixelwise):
    """A Gaussian decoder with one variance, fixed or learned."""

    is_selectable = False
    is_likelihood = True

    def __init__(
        self, image_shape: types.ImageShape, *, variance: float, learned: bool, **kwargs
    ):
        super().__init__(image_shape, **kwargs)
        if not 0.0 < variance < math.inf:
            raise errors.InvalidValue(
                "The variance of a Gaussian decoder must be positive",
                received=f"variance={variance}",
                do="Use for instance --reconstruction.variance=0.5",
            )
        self.log_scale = self.add_weight(
            name="log_scale",
            shape=(),
            initializer=lambda shape, dtype: tf.constant(
                0.5 * math.log(variance), dtype, shape
            ),
            trainable=learned,
        )

    @property
    def scale(self) -> tf.Tensor:
        """The standard deviation of a pixel."""
        return tf.exp(tf.convert_to_tensor(self.log_scale))

    def of_pixels(self, image, logits):
        """Returns -log p in nats, `[batch, height, width, channels]`."""
        error = (image - tf.sigmoid(logits)) / self.scale
        constant = tf.convert_to_tensor(self.log_scale) + 0.5 * math.log(2.0 * math.pi)
        return 0.5 * tf.square(error) + constant


class Gaussian(AbstractGaussian):
    """The negative log-likelihood of a Gaussian about the decoded image, in nats.

        sum((image - sigmoid(logits))^2 / (2 v) + log(2 pi v) / 2)

    All pixels have the same variance `v`. A squared error of weight `beta` corresponds
    to `v = 1 / (2 beta)`, up to a constant. A negative log-density of pixels has no
    lower bound: a learned `v` decreases as far as the decoder is exact.

    Args:
        variance: The variance; its initial value if it is learned.
        learned: Whether it is learned, by the logarithm of its root.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        variance: float = 0.5,
        learned: bool = False,
        **kwargs,
    ):
        super().__init__(image_shape, variance=variance, learned=learned, **kwargs)
