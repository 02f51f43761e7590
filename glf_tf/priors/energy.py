# SPDX-License-Identifier: Apache-2.0
"""An energy as a prior: N(0, I), tilted by a small network.

Pang, Han, Nijkamp, Zhu, Wu: Learning Latent Space Energy-Based Prior Model, 2020, eq.
2. https://arxiv.org/abs/2006.08205
"""

__all__ = ["LatentEnergy"]

import math

import keras
import tensorflow as tf
from keras import layers

from glf_tf import seeds, types
from glf_tf.inference import sampler
from glf_tf.layers import leaky_relu
from glf_tf.priors import prior


class LatentEnergy(prior.AbstractPrior):
    """The density `p(z) = exp(-E(z)) N(z; 0, I) / Z`, with Z unknown.

    `E` is a dense network of two hidden layers, LeakyReLU 0.2. Samples are the ends of
    chains that start from N(0, I). It is learned contrastively, with its own samples,
    and not by its likelihood, so it is not a value of `--prior`.

    Deviation: the network's last layer has no bias, which Z would cancel.

    Args:
        hidden: Width of the hidden layers.
        chain: The sampler.
    """

    is_selectable = False

    def __init__(
        self,
        latent_dim: int,
        *,
        hidden: int = 200,
        chain: sampler.AbstractSampler,
        **kwargs,
    ):
        super().__init__(latent_dim, **kwargs)
        self.network = _network(latent_dim, hidden=hidden, name="energy")
        self.chain = chain
        self.built = True

    def energy(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns E(z) in nats, `[batch]`; lower is more likely."""
        values = self.network(tf.cast(z, self.compute_dtype), training=training)
        return tf.cast(values[:, 0], self.compute_dtype)

    def log_prob(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns `log p(z) + log Z` in nats, `[batch]`."""
        z = tf.cast(z, self.compute_dtype)
        constant = 0.5 * self.latent_dim * math.log(2.0 * math.pi)
        log_normal = -0.5 * tf.reduce_sum(tf.square(z), axis=-1) - constant
        return log_normal - self.energy(z, training=training)

    def run(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float | tf.Tensor = 1.0,
    ) -> sampler.Chains:
        """Runs `n` chains from N(0, I).

        Args:
            n: Number of chains.
            seed: A stateless seed.
            temperature: Factor on the standard deviation of all noise.
        """
        start_seed, chain_seed = seeds.split(seed, 2)
        start = tf.random.stateless_normal(
            [n, self.latent_dim], seed=start_seed, dtype=self.compute_dtype
        )
        start *= tf.cast(temperature, start.dtype)
        return self.chain.run(
            self.log_prob, start, seed=chain_seed, temperature=temperature
        )

    def sample(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float = 1.0,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns the ends of `n` chains, `[n, latent_dim]`."""
        del training  # there is no batch normalisation
        return self.run(n, seed=seed, temperature=temperature).z


def _network(latent_dim: int, *, hidden: int, name: str) -> keras.Model:
    def dense(units: int, place: int, **options) -> layers.Layer:
        start = keras.initializers.GlorotNormal()
        return layers.Dense(
            units, kernel_initializer=start, name=f"dense_{place}", **options
        )

    return keras.Sequential(
        [
            keras.Input((latent_dim,), name="z"),
            dense(hidden, 0),
            leaky_relu.LeakyReLU(0.2, name="relu_0"),
            dense(hidden, 1),
            leaky_relu.LeakyReLU(0.2, name="relu_1"),
            dense(1, 2, use_bias=False),
        ],
        name=name,
    )
