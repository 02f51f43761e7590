# SPDX-License-Identifier: Apache-2.0
"""The hinge loss of a critic and of what it judges.

Lim, Ye: Geometric GAN, 2017. https://arxiv.org/abs/1705.02894
Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial
Networks, 2018, equations 16 and 17. https://arxiv.org/abs/1802.05957
"""

__all__ = ["of_real", "of_made", "to_please"]

import tensorflow as tf


def of_real(scores: tf.Tensor) -> tf.Tensor:
    """Returns the critic's loss of real images, `relu(1 - score)`, `[batch]`.

    A critic that cannot tell real images from made ones has scores of 0, and a loss of
    1 for either.

    Args:
        scores: `[batch, ...]`, of which a mean is taken, such as one for each patch.
    """
    return _mean(tf.nn.relu(1.0 - scores))


def of_made(scores: tf.Tensor) -> tf.Tensor:
    """Returns the critic's loss of made images, `relu(1 + score)`, `[batch]`."""
    return _mean(tf.nn.relu(1.0 + scores))


def to_please(scores: tf.Tensor) -> tf.Tensor:
    """Returns the loss of what made the images, `-score`, `[batch]`."""
    return -_mean(scores)


def _mean(values: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(values, [tf.shape(values)[0], -1])
    return tf.reduce_mean(flat, axis=1)
