# SPDX-License-Identifier: Apache-2.0
"""Twice and half the side of images, smoothed by the filter [1, 2, 1].

Huang, Gokaslan, Kuleshov, Tompkin: The GAN is dead; long live the GAN!, 2024, and its
released code. https://arxiv.org/abs/2501.05441
"""

__all__ = ["Halved", "Doubled"]

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable(package="glf_tf")
class Doubled(keras.layers.Layer):
    """Images of twice the height and width.

    Along each axis, pixels are repeated and then averaged with their neighbours:

        y[2 i] = (x[i - 1] + 3 x[i]) / 4,   y[2 i + 1] = (3 x[i] + x[i + 1]) / 4

    What lies outside of the image counts as 0.
    """

    def call(self, x):
        """Returns `[batch, 2 * height, 2 * width, channels]`."""
        return _resampled(x, _doubling)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the output."""
        batch, height, width, channels = input_shape
        return batch, 2 * height, 2 * width, channels


@keras.saving.register_keras_serializable(package="glf_tf")
class Halved(keras.layers.Layer):
    """Images of half the height and width, which are even.

    Along each axis, neighbours are averaged:

        y[i] = (x[2 i - 1] + 3 x[2 i] + 3 x[2 i + 1] + x[2 i + 2]) / 8

    What lies outside of the image counts as 0. It is half the transpose of `Doubled`.
    """

    def call(self, x):
        """Returns `[batch, height / 2, width / 2, channels]`."""
        return _resampled(x, _halving)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the output."""
        batch, height, width, channels = input_shape
        return batch, height // 2, width // 2, channels


def _doubling(size: int) -> np.ndarray:
    """Returns the matrix of an axis, `[2 * size, size]`."""
    matrix = np.zeros([2 * size + 2, size], np.float32)
    for index in range(size):
        matrix[2 * index : 2 * index + 4, index] = (0.25, 0.75, 0.75, 0.25)
    return matrix[1:-1]


def _halving(size: int) -> np.ndarray:
    """Returns the matrix of an axis, `[size / 2, size]`."""
    return _doubling(size // 2).T / 2.0


def _resampled(x: tf.Tensor, matrix_of: Callable[[int], np.ndarray]) -> tf.Tensor:
    """Returns images whose rows and columns were multiplied with a matrix.

    Two products of matrices, one after the other: sums of slices, and one product with
    both matrices, take several times as long with their gradients.
    """
    _, height, width, channels = x.shape
    rows, columns = (tf.constant(matrix_of(n), x.dtype) for n in (height, width))
    y = tf.matmul(rows, tf.reshape(x, [-1, height, width * channels]))
    y = tf.matmul(columns, tf.reshape(y, [-1, width, channels]))
    return tf.reshape(y, [-1, rows.shape[0], columns.shape[0], channels])
