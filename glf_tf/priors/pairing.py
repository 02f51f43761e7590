# SPDX-License-Identifier: Apache-2.0
"""Pairs of noise and codes by optimal transport within a batch.

Tong, Fatras, Malkin and others: Improving and Generalizing Flow-Based Generative Models
with Minibatch Optimal Transport, 2024, section 3.2.3.
https://arxiv.org/abs/2302.00482
"""

__all__ = ["paired"]

import numpy as np
import tensorflow as tf
from scipy import optimize


def paired(eps: tf.Tensor, z: tf.Tensor, *, label: tf.Tensor | None) -> tf.Tensor:
    """Returns noise in the order in which it is nearest to codes.

        min over permutations p of sum_i |eps[p(i)] - z[i]|^2

    exactly, by assignment. Noise keeps the label of the code that it was drawn for, so
    that each label has noise from N(0, I): labels are not told by the noise.

    Args:
        eps: `[batch, dim]`.
        z: `[batch, dim]`.
        label: `[batch]`, or None.
    """
    cost = -2.0 * tf.matmul(z, eps, transpose_b=True)
    cost += tf.reduce_sum(tf.square(eps), axis=-1)
    cost += tf.reduce_sum(tf.square(z), axis=-1, keepdims=True)
    if label is not None:
        most = tf.reduce_max(cost) * tf.cast(tf.size(label), cost.dtype)
        cost += tf.where(label[:, None] == label, tf.zeros([], cost.dtype), most)
    order = tf.numpy_function(_assignment, [cost], tf.int64, stateful=False)
    return tf.gather(eps, tf.ensure_shape(order, eps.shape[:1]))


def _assignment(cost: np.ndarray) -> np.ndarray:
    # Terms of codes that are not finite are not, which the training loop reports.
    return optimize.linear_sum_assignment(np.nan_to_num(cost))[1]
