# SPDX-License-Identifier: Apache-2.0
"""The components of a mixture: the draw of which one a latent is of."""

__all__ = ["draw"]

import tensorflow as tf

from glf_tf import types


def draw(n: int | tf.Tensor, *, logits: tf.Tensor, seed: types.Seed) -> tf.Tensor:
    """Returns indices of components, int32 `[n]`.

    Args:
        n: Number of draws.
        logits: Logarithms of the weights, up to a constant, `[components]`.
        seed: A stateless seed.
    """
    # By the inverse distribution function, so that fewer draws are a prefix of more.
    uniform = tf.random.stateless_uniform([n], seed, dtype=logits.dtype)
    ends = tf.cumsum(tf.nn.softmax(logits))
    return tf.searchsorted(ends[:-1], uniform, side="right")
