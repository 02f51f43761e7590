# SPDX-License-Identifier: Apache-2.0
"""A Laplace density for each coordinate, fitted to codes."""

__all__ = ["Laplace"]


import numpy as np
import tensorflow as tf

from glf_tf import seeds
from glf_tf.priors import prior


class Laplace(prior.AbstractPrior, prior.Fitted):
    """Independent Laplace densities around 0.

        log p(z) = -sum(|z| / scale + log(2 scale))

    Args:
        least_scale: The smallest scale that a fit finds.
    """

    def __init__(self, latent_dim: int, *, least_scale: float = 1e-3, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.least_scale = least_scale
        self.scale = self.add_weight(
            shape=(latent_dim,), initializer="ones", trainable=False, name="scale"
        )
        self.built = True

    def log_prob(self, z, *, training=False):
        """Returns the log-density of each latent in nats, `[batch]`."""
        del training
        scale = tf.convert_to_tensor(self.scale)
        values = tf.abs(z) / scale + tf.math.log(2.0 * scale)
        return -tf.reduce_sum(values, axis=-1)

    def sample(self, n, *, seed, temperature=1.0, training=False):
        """Returns `n` latents `[n, latent_dim]`, by the inverse distribution."""
        del training
        shape = [n, self.latent_dim]
        seed = seeds.make(seed)
        u = tf.random.stateless_uniform(shape, seed, minval=-0.5, maxval=0.5)
        noise = -tf.sign(u) * tf.math.log1p(-2.0 * tf.minimum(tf.abs(u), 0.4999999))
        temperature = tf.cast(temperature, noise.dtype)
        return temperature * noise * tf.convert_to_tensor(self.scale)

    @property
    def free_parameters(self):
        """One scale a coordinate."""
        return self.latent_dim

    def fit(self, z):
        """Fits the scales to codes `[size, latent_dim]`: `mean(|z|)`."""
        scale = np.mean(np.abs(np.asarray(z)), axis=0)
        self.scale.assign(np.maximum(scale, self.least_scale))
