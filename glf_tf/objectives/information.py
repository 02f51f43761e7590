# SPDX-License-Identifier: Apache-2.0
"""Mutual information of pairs, by a network that tells them from mixed ones.

Hjelm et al.: Learning deep representations by mutual information estimation and
maximization, 2019, eq. 4 (the Jensen-Shannon form). https://arxiv.org/abs/1808.06670
Kumar, Ozair, Goyal, Courville, Bengio: Maximum Entropy Generators for Energy-Based
Models, 2019, section 3.2. https://arxiv.org/abs/1901.08508
"""

__all__ = ["cross_entropy", "mixed"]

import tensorflow as tf


def cross_entropy(joint: tf.Tensor, apart: tf.Tensor) -> tf.Tensor:
    """Returns the cross entropy of telling pairs from mixed ones in nats, `[batch]`.

        (softplus(-T(x, z)) + softplus(T(x, z'))) / 2

    The best network has `T = log p(x, z) - log p(x) - log p(z)`, of which the mean over
    pairs is the mutual information; one that cannot tell has `log 2`.

    Args:
        joint: T of pairs, `[batch]`.
        apart: T of mixed ones, `[batch]`.
    """
    return 0.5 * (tf.nn.softplus(-joint) + tf.nn.softplus(apart))


def mixed(z: tf.Tensor) -> tf.Tensor:
    """Returns each row's predecessor, `[batch, ...]`, for pairs that do not belong.

    Rows are drawn independently of each other, so that no shuffling is needed.
    """
    return tf.roll(z, shift=1, axis=0)
