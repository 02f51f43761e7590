# SPDX-License-Identifier: Apache-2.0
"""A dense layer whose outputs see some of the inputs alone.

Germain, Gregor, Murray, Larochelle: MADE: Masked Autoencoder for Distribution
Estimation, 2015. https://arxiv.org/abs/1502.03509
"""

__all__ = ["MaskedDense"]

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable(package="glf_tf")
class MaskedDense(keras.layers.Layer):
    """`x @ (kernel * mask) + bias`, with a mask by degrees.

        mask[i, j] = 1 if inputs[i] <= outputs[j] else 0

    The degree of a unit says of how many coordinates, from the first on, it may be a
    function. Layers of which each has as inputs' degrees the outputs' of the one before
    keep that. Once that many coordinates are known, `of_degree` has the final outputs
    of a degree.
    """

    def __init__(
        self,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        kernel_initializer: str = "glorot_uniform",
        **kwargs,
    ):
        """Initializes the layer and its variables.

        Args:
            inputs: The degree of each input.
            outputs: The degree of each output, in increasing order.
            kernel_initializer: How the kernel starts.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        # Tuples: a mask itself would be a large constant of each graph.
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)
        self._count = int(np.unique(outputs, return_counts=True)[1].max())
        self.kernel = self.add_weight(
            name="kernel",
            shape=(len(inputs), len(outputs)),
            initializer=kernel_initializer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(len(outputs),), initializer="zeros"
        )
        self.built = True

    def call(self, x):
        """Returns `[batch, outputs]` for `x` of shape `[batch, inputs]`."""
        return self.columns(x, 0, count=len(self._outputs))

    def of_degree(self, x: tf.Tensor, degree: tf.Tensor) -> tf.Tensor:
        """Returns the outputs of a degree, and 0 for all others, `[batch, outputs]`.

        It costs as much as these outputs alone.
        """
        degrees, size = tf.constant(self._outputs), len(self._outputs)
        # A window of the same size for each degree, which may have outputs of others.
        start = tf.math.count_nonzero(degrees < degree, dtype=tf.int32)
        window = tf.minimum(start, size - self._count) + tf.range(self._count)
        places = tf.where(tf.gather(degrees, window) == degree, window, -1)
        columns = self.columns(x, window[0], count=self._count)
        return tf.matmul(columns, tf.one_hot(places, size, dtype=columns.dtype))

    def columns(self, x: tf.Tensor, start: int | tf.Tensor, *, count: int) -> tf.Tensor:
        """Returns the outputs `start` to `start + count - 1`, `[batch, count]`."""
        kernel = tf.slice(self.kernel, [0, start], [len(self._inputs), count])
        bias = tf.slice(self.bias, [start], [count])
        degrees = tf.slice(tf.constant(self._outputs), [start], [count])
        mask = tf.constant(self._inputs)[:, None] <= degrees
        masked = kernel * tf.cast(mask, kernel.dtype)
        return tf.nn.bias_add(tf.matmul(x, masked), bias)
