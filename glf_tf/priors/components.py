# SPDX-License-Identifier: Apache-2.0
"""The components of mixtures: which one a latent is of, and diagonal normal ones."""

__all__ = ["chosen", "draw", "from_normal", "log_prob", "sample"]

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


def chosen(normal: tf.Tensor, *, logits: tf.Tensor) -> tf.Tensor:
    """Returns indices of components of draws of N(0, 1), int32 `[batch]`.

    Component k has the draws between the quantiles of the weights before it, and with
    its own: no distribution function is taken of a draw, which few runtimes have.

    Args:
        normal: `[batch]`.
        logits: As in `draw`; or those of each draw, `[batch, components]`.
    """
    ends = tf.cumsum(tf.nn.softmax(logits), axis=-1)[..., :-1]
    # Sums are not exactly 1, and no draw is at infinity.
    quantiles = tf.math.ndtri(tf.clip_by_value(ends, 0.0, 1.0))
    return tf.reduce_sum(tf.cast(normal[:, None] >= quantiles, tf.int32), axis=-1)


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
    at = {"loc": tf.gather(loc, index), "log_scale": tf.gather(log_scale, index)}
    return _moved(eps, temperature=temperature, **at)


def from_normal(
    normal: tf.Tensor,
    *,
    logits: tf.Tensor,
    loc: tf.Tensor,
    log_scale: tf.Tensor,
    temperature: float | tf.Tensor = 1.0,
) -> tf.Tensor:
    """Returns latents as those of `sample`, of draws of N(0, 1), `[batch, dim]`.

    Args:
        normal: `[batch, dim + 1]`; the last draw chooses the component.
        logits: As in `draw`.
        loc: As in `log_prob`.
        log_scale: As in `log_prob`.
        temperature: Factor on the deviations.
    """
    normal = tf.cast(normal, loc.dtype)
    index = chosen(normal[:, -1], logits=logits)
    at = {"loc": tf.gather(loc, index), "log_scale": tf.gather(log_scale, index)}
    return _moved(normal[:, :-1], temperature=temperature, **at)


def _moved(
    eps: tf.Tensor,
    *,
    loc: tf.Tensor,
    log_scale: tf.Tensor,
    temperature: float | tf.Tensor,
) -> tf.Tensor:
    return loc + tf.cast(temperature, eps.dtype) * tf.exp(log_scale) * eps
