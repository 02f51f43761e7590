# SPDX-License-Identifier: Apache-2.0
"""The squared error of GLF, summed over pixels."""

__all__ = ["SquaredError"]

import tensorflow as tf

from glf_tf.objectives import reconstruction


class SquaredError(reconstruction.AbstractPixelwise):
    """`sum((image - sigmoid(logits))^2)`: pixels in [0, 1], no factor.

    Up to a constant, it is the negative log-likelihood of a Gaussian of variance 1/2.
    """

    def of_pixels(self, image, logits):
        """Returns the squared error, `[batch, height, width, channels]`."""
        return tf.math.squared_difference(image, tf.sigmoid(logits))
