# SPDX-License-Identifier: Apache-2.0
"""A normal density with the codes' mean and covariance.

The simplest of the densities that are fitted after training in Ghosh, Sajjadi, Vergari,
Black, Schoelkopf: From Variational to Deterministic Autoencoders, 2020.
https://arxiv.org/abs/1903.12436
"""

__all__ = ["NormalPrior"]

import math

import numpy as np
import tensorflow as tf

from glf_tf.priors import codes, prior

_LEAST_PIVOT = 1e-6
"""Minimum conditional standard deviation of a coordinate, in its own unit."""


class NormalPrior(prior.AbstractNoisePrior, prior.Fitted):
    """The density of `z = loc + L eps`, `eps ~ N(0, I)`: N(loc, L L^T).

        log p(z) = -sum(eps^2) / 2 - sum(log diag(L)) - dim * log(2 pi) / 2,
        eps = L^-1 (z - loc)

    `loc` is the codes' mean and `L L^T` their covariance, the maximum-likelihood
    estimate (divided by the number of codes). Before the fit it is N(0, I).

    Deviation: the code of the RAE paper uses the covariance but not the mean.
    """

    def __init__(self, latent_dim: int, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.loc = self.add_weight(
            name="loc", shape=(latent_dim,), initializer="zeros", trainable=False
        )
        self.scale_tril = self.add_weight(
            name="scale_tril",
            shape=(latent_dim, latent_dim),
            initializer="identity",
            trainable=False,
        )
        self.built = True

    @property
    def free_parameters(self) -> int:
        """Mean and covariance: `d + d (d + 1) / 2`."""
        return self.latent_dim + self.latent_dim * (self.latent_dim + 1) // 2

    def fit(self, z: np.ndarray) -> None:
        """Fits mean and covariance to codes `[size, latent_dim]`, in float64."""
        z = codes.checked(z, latent_dim=self.latent_dim, at_least=self.least_codes)
        center, unit = z.mean(axis=0), codes.units(z)
        centred = (z - center) / unit
        self.loc.assign(center)
        self.scale_tril.assign(unit[:, None] * _cholesky(centred.T @ centred / len(z)))

    @property
    def least_codes(self) -> int:
        """Two, as a single code has no covariance."""
        return 2

    def log_prob(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the log-density of each latent in nats, `[batch]`."""
        del training
        diagonal = tf.linalg.diag_part(tf.convert_to_tensor(self.scale_tril))
        constant = 0.5 * self.latent_dim * math.log(2.0 * math.pi)
        squares = tf.reduce_sum(tf.square(self.inverse(z)), axis=-1)
        return -0.5 * squares - tf.reduce_sum(tf.math.log(diagonal)) - constant

    def forward(self, eps: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns `loc + L eps`, `[batch, latent_dim]`."""
        del training
        eps = tf.cast(eps, self.compute_dtype)
        scale = tf.convert_to_tensor(self.scale_tril)
        return self.loc + tf.matmul(eps, scale, transpose_b=True)

    def inverse(self, z: tf.Tensor) -> tf.Tensor:
        """Returns `L^-1 (z - loc)`, `[batch, latent_dim]`."""
        centred = tf.cast(z, self.compute_dtype) - self.loc
        scale = tf.convert_to_tensor(self.scale_tril)
        return tf.transpose(tf.linalg.triangular_solve(scale, tf.transpose(centred)))


def _cholesky(correlation: np.ndarray) -> np.ndarray:
    """Returns L of `correlation = L L^T`; adds a jitter only if necessary.

    Codes in a subspace have a singular covariance: if an autoencoder leaves latents
    unused, or there are fewer codes than latents.
    """
    for jitter in (0.0, *np.logspace(-9, 0, 10)):
        try:
            scale = np.linalg.cholesky(correlation + jitter * np.eye(len(correlation)))
        except np.linalg.LinAlgError:
            continue
        if scale.diagonal().min() > _LEAST_PIVOT:
            break
    return scale
