# SPDX-License-Identifier: Apache-2.0
"""Derivatives of each example of a batch, in one pass forward and one back."""

import tensorflow as tf


def batch_jacobian(function, x):
    """Returns `d function(x)[b] / d x[b]`, as the method of this name of a tape.

    Each example is repeated once for each of its outputs, which is differentiated in
    its own repetition: nothing is traced for it. Examples must not depend on each
    other.

    Args:
        function: From `[batch, *inputs]` to `[batch, *outputs]`.
        x: `[batch, *inputs]`.

    Returns:
        jacobian: `[batch, *outputs, *inputs]`.
    """
    outputs = function(tf.identity(x)).shape[1:]
    size = outputs.num_elements()
    repeated = tf.repeat(x, size, axis=0)
    with tf.GradientTape() as tape:
        tape.watch(repeated)
        y = function(repeated)
    each = tf.tile(tf.eye(size, dtype=y.dtype), [x.shape[0], 1])
    rows = tape.gradient(y, repeated, tf.reshape(each, y.shape))
    return tf.reshape(rows, [x.shape[0], *outputs, *x.shape[1:]])
