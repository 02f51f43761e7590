# SPDX-License-Identifier: Apache-2.0
"""The binary cross entropy of the slides, summed over pixels."""

__all__ = ["Bernoulli"]

import tensorflow as tf

from glf_tf.objectives import reconstruction


class Bernoulli(reconstruction.AbstractPixelwise):
    """The negative log-likelihood of independent binary pixels, in nats.

        sum(-image * log p - (1 - image) * log(1 - p)),  p = sigmoid(logits)

    For grey images in [0, 1] it is not a likelihood, and its minimum is the pixels'
    entropy rather than 0; it is the loss of the slides.
    """

    is_likelihood = True

    def of_pixels(self, image, logits):
        """Returns the cross entropy in nats, `[batch, height, width, channels]`."""
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=image, logits=logits)
