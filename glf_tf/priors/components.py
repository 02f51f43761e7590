# SPDX-License-Identifier: Apache-2.0
"""The components of mixtures: which one a latent is of, and diagonal normal ones."""

__all__ = ["draw", "log_prob", "sample"]

import math

import tensorflow as tf

from glf_tf import seeds, types


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


def log_prob(
    z: tf.Tensor, *, logits: tf.Tensor, loc: tf.Tensor, log_scale: tf.Tensor
) -> tf.Tensor:
    """Returns the log-density of a mixture of diagonal normals in nats, `[batch]`.

        log p(z) = logsumexp_k(log w_k - sum(eps_k^2) / 2 - sum(log s_k))
                   - dim * log(2 pi) / 2,   eps_k = (z - m_k) / s_k

    Args:
        z: `[batch, dim]`.
        logits: As in `draw`.
        loc: Means `[components, dim]`.
        log_scale: Logarithms of the deviations `[components, dim]`.
    """
    centred = z[:, None] - loc
    squares = tf.reduce_sum(tf.square(centred * tf.exp(-log_scale)), axis=-1)
    log_weight = tf.nn.log_softmax(logits) - tf.reduce_sum(log_scale, axis=-1)
    constant = 0.5 * loc.shape[-1] * math.log(2.0 * math.pi)
    return tf.reduce_logsumexp(log_weight - 0.5 * squares, axis=-1) - constant


def sample(
    n: int | tf.Tensor,
    *,
    logits: tf.Tensor,
    loc: tf.Tensor,
    log_scale: tf.Tensor,
    seed: types.Seed,
    temperature: float = 1.0,
) -> tf.Tensor:
    """Returns `m_k + temperature * s_k eps`, k random, `[n, dim]`; see `log_prob`."""
    of_component, of_noise = seeds.split(seed, 2)
    index = draw(n, logits=logits, seed=of_component)
    eps = tf.random.stateless_normal([n, loc.shape[-1]], of_noise, dtype=loc.dtype)
    loc, log_scale = tf.gather(loc, index), tf.gather(log_scale, index)
    return loc + tf.cast(temperature, eps.dtype) * tf.exp(log_scale) * eps
