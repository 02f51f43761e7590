# SPDX-License-Identifier: Apache-2.0
"""The absolute error, summed over pixels."""

__all__ = ["Absolute"]

import tensorflow as tf

from glf_tf.objectives import reconstruction


class Absolute(reconstruction.AbstractPixelwise):
    """`sum(|image - sigmoid(logits)|)`."""

    def of_pixels(self, image, logits):
        """Returns the absolute error of each pixel."""
        return tf.abs(image - tf.sigmoid(logits))
