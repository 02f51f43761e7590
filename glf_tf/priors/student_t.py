# SPDX-License-Identifier: Apache-2.0
"""Independent Student-t densities, whose tails are heavier than the normal's.

Laszkiewicz, Lederer, Fischer: Marginal Tail-Adaptive Normalizing Flows, 2022, on noise
of a flow for data with outliers. https://arxiv.org/abs/2206.10311
Bailey: Polar Generation of Random Variates with the t-Distribution, Mathematics of
Computation 62, 1994, on the draws.
"""

__all__ = ["StudentTPrior"]

import math

import keras
import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds
from glf_tf.priors import prior

_LEAST_DF, _MOST_DF = 2.1, 1e4
"""Bounds of the degrees of freedom: with 2 or fewer the variance is infinite, and 10^4
are a normal density."""


class StudentTPrior(prior.AbstractNoisePrior):
    """The density of `z = loc + scale * eps` with `eps` of variance 1, learned.

        log p(z) = sum(c - (df + 1) / 2 * log(1 + eps^2 / (df - 2)) - log(scale)),
        c = log(gamma((df + 1) / 2) / gamma(df / 2)) - log(pi * (df - 2)) / 2,
        eps = (z - loc) / scale,  2.1 < df < 10^4

    with one `loc`, `scale` and `df` a coordinate. It is standardised: `scale` is the
    deviation whatever `df` is, and it starts with mean 0 and deviation 1, as N(0, I),
    which it approaches for large `df`. The temperature is a factor on `eps`.

    Args:
        df: The degrees of freedom at the start, the same for all coordinates.
    """

    def __init__(self, latent_dim: int, *, df: float = 10.0, **kwargs):
        super().__init__(latent_dim, **kwargs)
        if not _LEAST_DF < df < _MOST_DF:
            raise errors.InvalidValue(
                f"The degrees of freedom are above {_LEAST_DF} and below {_MOST_DF:,g}",
                received=f"df={df}",
                do="Use for instance df=10; for more than these, a normal prior",
            )
        self._loc = self._parameter("loc", start=0.0)
        self._log_scale = self._parameter("log_scale", start=0.0)
        self._log_df = self._parameter("log_df", start=math.log(df - _LEAST_DF))
        self.built = True

    def _parameter(self, name: str, *, start: float):
        start = keras.initializers.Constant(start)
        return self.add_weight(name=name, shape=(self.latent_dim,), initializer=start)

    @property
    def df(self) -> tf.Tensor:
        """The degrees of freedom, `[latent_dim]`."""
        # For light tails, steps would carry it on until it overflows.
        log_df = tf.minimum(tf.convert_to_tensor(self._log_df), math.log(_MOST_DF))
        return _LEAST_DF + tf.exp(log_df)

    @property
    def scale(self) -> tf.Tensor:
        """The deviations, `[latent_dim]`."""
        return tf.exp(tf.convert_to_tensor(self._log_scale))

    def log_prob(self, z, *, training=False):
        """Returns the log-density of each latent in nats, `[batch]`."""
        del training
        df, eps = self.df, self.inverse(z)
        kernel = -0.5 * (df + 1.0) * tf.math.log1p(tf.square(eps) / (df - 2.0))
        each = kernel + _log_constant(df) - tf.convert_to_tensor(self._log_scale)
        return tf.reduce_sum(each, axis=-1)

    def sample_noise(self, n, *, seed, temperature=1.0):
        """Returns draws of `eps`, `[n, latent_dim]`.

            eps = sqrt((df - 2) * (u^(-2 / df) - 1)) * cos(2 pi v)

        with `u` and `v` uniform: exact for each `df`, and fewer draws are a prefix of
        more.
        """
        of_radius, of_angle = seeds.split(seed, 2)
        shape, dtype = [n, self.latent_dim], self.compute_dtype
        # In (0, 1], as the logarithm of 0 is not finite.
        u = 1.0 - tf.random.stateless_uniform(shape, of_radius, dtype=dtype)
        v = tf.random.stateless_uniform(shape, of_angle, dtype=dtype)
        df = self.df
        squared = (df - 2.0) * tf.math.expm1(-2.0 / df * tf.math.log(u))
        eps = tf.sqrt(squared) * tf.cos(2.0 * math.pi * v)
        return tf.cast(temperature, dtype) * eps

    @property
    def normal_dim(self) -> int:
        """Two draws for each coordinate."""
        return 2 * self.latent_dim

    def from_normal(self, normal, *, temperature=1.0, label=None):
        """Returns latents of draws of N(0, 1), `[batch, latent_dim]`.

            eps = sqrt((df - 2) * (exp(r^2 / df) - 1)) * a / r,  r^2 = a^2 + b^2

        of the two draws `a` and `b` of a coordinate: `exp(-r^2 / 2)` is uniform, and so
        is the angle, of which `a / r` is the cosine; see `sample_noise`.
        """
        del label
        a, b = tf.split(tf.cast(normal, self.compute_dtype), 2, axis=-1)
        # Above 0, where the direction is none; eps has the limit 0 there.
        squared = tf.maximum(tf.square(a) + tf.square(b), np.finfo(np.float32).tiny)
        df = self.df
        radius = tf.sqrt((df - 2.0) * tf.math.expm1(squared / df))
        eps = radius * a * tf.math.rsqrt(squared)
        return self.forward(tf.cast(temperature, eps.dtype) * eps)

    def forward(self, eps, *, training=False):
        """Returns `loc + scale * eps`, `[batch, latent_dim]`."""
        del training
        eps = tf.cast(eps, self.compute_dtype)
        return tf.convert_to_tensor(self._loc) + self.scale * eps

    def inverse(self, z):
        """Returns `(z - loc) / scale`, `[batch, latent_dim]`."""
        centred = tf.cast(z, self.compute_dtype) - tf.convert_to_tensor(self._loc)
        return centred / self.scale


def _log_constant(df: tf.Tensor) -> tf.Tensor:
    """Returns `c` of the density, `[latent_dim]`."""
    # In float64, as large logarithms of gamma nearly cancel.
    half = 0.5 * tf.cast(df, tf.float64)
    log_gammas = tf.math.lgamma(half + 0.5) - tf.math.lgamma(half)
    return tf.cast(
        log_gammas - 0.5 * tf.math.log(math.pi * 2.0 * (half - 1.0)), df.dtype
    )
