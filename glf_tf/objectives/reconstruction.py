# SPDX-License-Identifier: Apache-2.0
"""Reconstruction terms: how far an image is from the one that a decoder gives.

Each takes images in [0, 1] and pixel logits, `[batch, height, width, channels]`, and
returns `[batch]`, the sum over pixels and channels.
"""

__all__ = ["OBJECTIVES", "squared_error", "bernoulli"]

import tensorflow as tf


def squared_error(image: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns `sum((image - sigmoid(logits))^2)`: pixels in [0, 1], no factor."""
    logits = tf.cast(logits, image.dtype)
    return _sum(tf.math.squared_difference(image, tf.sigmoid(logits)))


def bernoulli(image: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the binary cross entropy in nats.

        sum(-image * log p - (1 - image) * log(1 - p)),  p = sigmoid(logits)

    For grey images in [0, 1] it is not the likelihood of anything, and its least value
    is the pixels' entropy rather than 0; it is the loss of the slides.
    """
    logits = tf.cast(logits, image.dtype)
    return _sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=image, logits=logits))


OBJECTIVES = {"squared_error": squared_error, "bernoulli": bernoulli}
"""The terms by the name that models and flags give them."""


def _sum(per_pixel: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(per_pixel, axis=[1, 2, 3])
