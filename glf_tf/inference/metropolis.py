# SPDX-License-Identifier: Apache-2.0
"""Where chains are, where they would go, and which of the two Metropolis chooses.

Hastings: Monte Carlo Sampling Methods Using Markov Chains and Their Applications, 1970.
"""

__all__ = ["Point", "evaluate", "accepts", "choose"]

from typing import NamedTuple

import tensorflow as tf

from glf_tf.inference import sampler


class Point(NamedTuple):
    """Where the chains of a batch are.

    Attributes:
        z: Latents `[batch, dim]`.
        log_prob: The log-density there, `[batch]`.
        gradient: Its gradient, `[batch, dim]`.
    """

    z: tf.Tensor
    log_prob: tf.Tensor
    gradient: tf.Tensor

    def is_finite(self) -> tf.Tensor:
        """Returns where log-density and gradient are finite, bool `[batch]`."""
        slope = tf.reduce_all(tf.math.is_finite(self.gradient), axis=-1)
        return tf.math.is_finite(self.log_prob) & slope


def evaluate(log_prob: sampler.LogProb, z: tf.Tensor) -> Point:
    """Returns the log-density `[batch]` and its gradient `[batch, dim]`."""
    # Watching the latents alone, so that no gradient of a weight is computed.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(z)
        value = log_prob(z)
    # That of the sum: each row is the gradient of its own chain.
    return Point(z, tf.cast(value, z.dtype), tape.gradient(value, z))


def accepts(
    point: Point,
    candidate: Point,
    *,
    size: tf.Tensor,
    seed: tf.Tensor,
    temperature: float | tf.Tensor = 1.0,
) -> tf.Tensor:
    """Returns which Langevin steps are accepted, bool `[batch]`.

        T^2 log u < log p(z') + log q(z | z') - log p(z) - log q(z' | z),  u ~ U(0, 1)

    The densities are those of temperature 1: for proposals of deviation `s T` and a
    target p^(1 / T^2), both sides of Hastings' rule are multiplied by T^2.

    Args:
        point: Where the chains are, z.
        candidate: Where they would go, z'.
        size: The step size s of the proposals.
        seed: A stateless seed.
        temperature: T, the factor on the standard deviation of the noise.
    """
    back, forth = _log_q(point, candidate, size), _log_q(candidate, point, size)
    ratio = candidate.log_prob - point.log_prob + back - forth
    draw = tf.random.stateless_uniform(tf.shape(ratio), seed, dtype=ratio.dtype)
    # False where the ratio is not a number.
    return tf.square(tf.cast(temperature, ratio.dtype)) * tf.math.log(draw) < ratio


def choose(condition: tf.Tensor, left: Point, right: Point) -> Point:
    """Returns the chains of `left` where the condition holds, else of `right`."""
    return Point(
        tf.where(condition[:, None], left.z, right.z),
        tf.where(condition, left.log_prob, right.log_prob),
        tf.where(condition[:, None], left.gradient, right.gradient),
    )


def _log_q(to: Point, start: Point, size: tf.Tensor) -> tf.Tensor:
    """Returns log N(to; start + s^2 / 2 grad, s^2 I) but for a constant, `[batch]`."""
    mean = start.z + 0.5 * tf.square(size) * start.gradient
    squares = tf.reduce_sum(tf.math.squared_difference(to.z, mean), axis=-1)
    return -0.5 * squares / tf.square(size)
