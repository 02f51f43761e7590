# SPDX-License-Identifier: Apache-2.0
"""N(0, I), the prior of variational autoencoders."""

__all__ = ["StandardNormalPrior", "log_density"]

import math

import tensorflow as tf

from glf_tf.priors import prior


class StandardNormalPrior(prior.AbstractNoisePrior):
    """The density N(0, I): nothing to learn."""

    def __init__(self, latent_dim: int, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.built = True

    def log_prob(self, z, *, training=False):
        """Returns the log-density of each latent in nats, `[batch]`."""
        del training
        return log_density(tf.cast(z, self.compute_dtype))

    def forward(self, eps, *, training=False):
        """Returns the noise itself, `[batch, latent_dim]`."""
        del training
        return tf.cast(eps, self.compute_dtype)

    def inverse(self, z):
        """Returns the latents themselves, `[batch, latent_dim]`."""
        return tf.cast(z, self.compute_dtype)


def log_density(z: tf.Tensor) -> tf.Tensor:
    """Returns log N(z; 0, I) in nats, `[...]`, of vectors `[..., dim]`."""
    constant = 0.5 * z.shape[-1] * math.log(2.0 * math.pi)
    return -0.5 * tf.reduce_sum(tf.square(z), axis=-1) - constant
