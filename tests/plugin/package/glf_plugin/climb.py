# SPDX-License-Identifier: Apache-2.0
"""Gradient ascent: chains without noise."""

__all__ = ["Climb"]

import tensorflow as tf

from glf_tf.inference import sampler


class Climb(sampler.AbstractSampler):
    """`z <- z + rate * grad log p(z)`.

    Args:
        steps: The number of steps.
        rate: The factor on the gradient.
    """

    def __init__(self, *, steps: int = 10, rate: float = 0.01):
        self.steps, self.rate = steps, rate

    def run(self, log_prob, z, *, seed, temperature=1.0):
        """Moves chains `[batch, dim]` uphill; see `AbstractSampler`."""
        del seed, temperature  # there is no noise
        start = tf.stop_gradient(tf.convert_to_tensor(z))
        zeros = tf.zeros_like(start[:, 0])

        def step(z, energy, norm):
            del energy, norm  # those of the step before
            with tf.GradientTape() as tape:
                tape.watch(z)
                log_p = log_prob(z)
            slope = tape.gradient(log_p, z)
            return z + self.rate * slope, -log_p, tf.norm(slope, axis=-1)

        # A loop of Python would be unrolled into the graph.
        z, energy, norm = tf.while_loop(
            lambda *_: True, step, (start, zeros, zeros), maximum_iterations=self.steps
        )
        return sampler.Chains(
            z=tf.stop_gradient(z),
            energy=energy,
            gradient_norm=norm,
            movement=tf.norm(z - start, axis=-1),
            acceptance=tf.ones_like(energy),
            steps=tf.constant(self.steps),
            diverged=~tf.math.is_finite(energy),
        )
