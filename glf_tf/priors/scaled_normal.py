# SPDX-License-Identifier: Apache-2.0
"""N(0, scale^2 I), the prior of Wasserstein autoencoders."""

__all__ = ["ScaledNormalPrior"]

import math

import tensorflow as tf

from glf_tf import errors
from glf_tf.priors import prior


class ScaledNormalPrior(prior.AbstractNoisePrior):
    """The density N(0, scale^2 I): nothing to learn.

        log p(z) = -sum(z^2) / (2 scale^2) - dim * (log(2 pi) / 2 + log(scale))

    Args:
        scale: The standard deviation of each coordinate.
    """

    def __init__(self, latent_dim: int, *, scale: float = 1.0, **kwargs):
        super().__init__(latent_dim, **kwargs)
        if not 0.0 < scale < math.inf:
            raise errors.InvalidValue(
                "The standard deviation of a normal prior must be positive",
                received=f"scale={scale}",
                do="Use for instance scale=1.0",
            )
        self.scale = scale
        self.built = True

    def log_prob(self, z, *, training=False):
        """Returns the log-density of each latent in nats, `[batch]`."""
        del training
        constant = 0.5 * math.log(2.0 * math.pi) + math.log(self.scale)
        squares = tf.reduce_sum(tf.square(self.inverse(z)), axis=-1)
        return -0.5 * squares - self.latent_dim * constant

    def forward(self, eps, *, training=False):
        """Returns `scale * eps`, `[batch, latent_dim]`."""
        del training
        return self.scale * tf.cast(eps, self.compute_dtype)

    def inverse(self, z):
        """Returns `z / scale`, `[batch, latent_dim]`."""
        return tf.cast(z, self.compute_dtype) / self.scale
