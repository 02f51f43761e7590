# SPDX-License-Identifier: Apache-2.0
"""Networks with convolutions, which are not asked for the result of nothing."""

__all__ = ["apply"]

from collections.abc import Callable

import tensorflow as tf


def apply(function: Callable, x: tf.Tensor) -> object:
    """Returns `function(x)`, also of no examples.

    With oneDNN, which TensorFlow turns on by itself on processors with AVX512, a
    convolution of no images has the channels of its input. A batch without examples
    gets one of zeros, whose results are dropped; others are passed on as they are,
    without a copy.

    Args:
        function: From a batch to tensors of as many rows, in any structure.
        x: `[batch, ...]`.
    """
    x = tf.convert_to_tensor(x)
    if x.shape.rank is None or x.shape[0]:  # a size that is known, and not 0
        return function(x)
    count = tf.shape(x)[0]
    rows = [[0, tf.cast(count < 1, tf.int32)]] + [[0, 0]] * (x.shape.rank - 1)
    padded = tf.pad(x, rows)
    if x.shape[1:].is_fully_defined():  # which converters of graphs do not see
        padded = tf.reshape(padded, [-1, *x.shape[1:]])
    found = function(padded)
    return tf.nest.map_structure(lambda y: y[:count], found)
