# SPDX-License-Identifier: Apache-2.0
"""Noise on codes in training, and the denoising of samples.

Zhai, Zhang, Nakkiran, Berthelot, Gu, Zheng, Chen, Bautista, Jaitly, Susskind:
Normalizing Flows are Capable Generative Models, 2024, sections 2.4 and 2.5.
https://arxiv.org/abs/2412.06329
Efron: Tweedie's Formula and Selection Bias, 2011, on the mean of what had no noise.
"""

__all__ = ["Smoothing"]

from collections.abc import Callable

import keras
import tensorflow as tf

from glf_tf import errors, seeds, types


class Smoothing(keras.layers.Layer):
    """Normal noise whose deviation is a share of that of the codes, per coordinate.

        noisy = z + sigma * eps,  sigma = share * deviation of the codes
        E[z | noisy] = noisy + sigma^2 * d log p(noisy) / d noisy

    where p is the density of noisy codes. `measure` sets the deviations, which are 1
    before.
    """

    def __init__(self, latent_dim: int, *, share: float, **kwargs):
        """Initializes the noise.

        Args:
            latent_dim: Size of the codes.
            share: Deviation of the noise in deviations of the codes, above 0.
            **kwargs: Keyword arguments of `keras.layers.Layer`.

        Raises:
            InvalidValue: The share is no such number.
        """
        super().__init__(**kwargs)
        if not 0.0 < share < float("inf"):
            raise errors.InvalidValue(
                "`smoothing`, the noise on codes in training, must not be negative",
                received=f"smoothing={share}",
                do="Use 0 for none, or for instance 0.1",
            )
        self._share = share
        self.deviation = self.add_weight(
            name="deviation",
            shape=(latent_dim,),
            initializer="ones",
            trainable=False,
            autocast=False,
        )
        self.built = True

    @property
    def _sigma(self) -> tf.Tensor:
        return self._share * tf.convert_to_tensor(self.deviation)

    def measure(self, z: tf.Tensor) -> None:
        """Sets the deviations to those of codes `[size, latent_dim]`."""
        self.deviation.assign(tf.math.reduce_std(z, axis=0))

    def noisy(self, z: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns codes with noise, `[batch, latent_dim]`."""
        z = tf.cast(z, self.compute_dtype)
        eps = tf.random.stateless_normal(tf.shape(z), seeds.make(seed), dtype=z.dtype)
        return z + self._sigma * eps

    def denoised(
        self, z: tf.Tensor, log_prob: Callable[[tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        """Returns the mean of what noisy codes were, `[batch, latent_dim]`.

        Args:
            z: The noisy codes.
            log_prob: Returns their log-density, `[batch]`.
        """
        # A new tensor: bijectors have a cache of where theirs came from.
        z = tf.identity(z)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(z)
            total = tf.reduce_sum(log_prob(z))
        return z + tf.square(self._sigma) * tape.gradient(total, z)
