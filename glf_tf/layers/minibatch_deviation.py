# SPDX-License-Identifier: Apache-2.0
"""How much the images of a batch differ, as one more feature of each.

Karras, Aila, Laine, Lehtinen: Progressive Growing of GANs, 2018, section 3.
https://arxiv.org/abs/1710.10196
"""

__all__ = ["MinibatchDeviation"]

import keras
import tensorflow as tf

_SLACK = 1e-8
"""Added below the root, so that it has a gradient where all images are equal."""


@keras.saving.register_keras_serializable(package="glf_tf")
class MinibatchDeviation(keras.layers.Layer):
    """Features, and the mean of their standard deviations over the batch.

        s = mean(sqrt(variance(x) + 1e-8)),  variance over the batch, mean over the rest
        y = concatenate(x, s)

    with the same number s for all images, and at all places. A critic sees by it
    whether a generator makes the same image again and again. Replicas have each the
    number of their own part of the batch.

    Deviation: the released code has a number for each four images of a batch; the paper
        has one, as here.
    """

    def call(self, x):
        """Returns `[batch, ..., channels + 1]` of `[batch, ..., channels]`."""
        # In 16 bits, squares of differences overflow and vanish.
        values = tf.cast(x, tf.float32)
        variance = tf.math.reduce_variance(values, axis=0)
        number = tf.reduce_mean(tf.sqrt(variance + _SLACK))
        return tf.concat([x, tf.ones_like(x[..., :1]) * tf.cast(number, x.dtype)], -1)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the output."""
        return *input_shape[:-1], input_shape[-1] + 1
