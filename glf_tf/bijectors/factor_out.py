# SPDX-License-Identifier: Apache-2.0
"""Factoring out: channels that go no further become noise, given those that do.

Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2016, section 3.6.
https://arxiv.org/abs/1605.08803
Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018, the
released code, on the learned density. https://arxiv.org/abs/1807.03039
"""

__all__ = ["FactorOut", "bounded"]

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from glf_tf import errors
from glf_tf.bijectors.conditioners import glow

_BOUND = 5.0
"""Bound on the log-deviation, in nats."""


@keras.saving.register_keras_serializable(package="glf_tf")
class FactorOut(keras.layers.Layer):
    """Towards noise, the last channels become a flat part of the noise.

        kept, z = split(x);  mean, u = network(kept)
        eps = (z - mean) * exp(-5 tanh(u / 5))

    so that N(0, I) of eps is the density N(mean, deviation^2) of z. A density that is
    not learned has mean 0 and deviation 1. What is factored out last has no other part:
    its mean and deviation are weights, other ones at the border.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        kept: int = 0,
        is_learned: bool = True,
        **kwargs,
    ):
        """Initializes the layer and its variables.

        Args:
            event_shape: (height, width, channels).
            kept: Number of channels that go on; 0 for none.
            is_learned: Whether the density is learned.
            **kwargs: Keyword arguments of `keras.layers.Layer`.

        Raises:
            InvalidValue: No channel is left to become noise.
        """
        super().__init__(**kwargs)
        *size, channels = self.event_shape = tuple(event_shape)
        if not 0 <= kept < channels:
            raise errors.InvalidValue(
                "What is factored out must have a channel, and cannot keep others than "
                "there are",
                received=f"kept={kept} of {channels} channels",
                do=f"Use kept={channels // 2}, or 0 at the end",
            )
        self._kept = kept
        self.kept_shape = (*size, kept)
        self.shape_out = (*size, channels - kept)
        self.noise_dim = math.prod(self.shape_out)
        self.network = None
        if is_learned:
            with keras.name_scope(self.name):
                self.network = glow.ZeroConvolution(
                    self.kept_shape,
                    2 * (channels - kept),
                    dtype=self.dtype_policy,
                    name="network",
                )
        self.built = True

    def towards_noise(
        self, x: tf.Tensor
    ) -> tuple[tf.Tensor | None, tf.Tensor, tf.Tensor]:
        """Returns what is kept, None if nothing is, the flat noise, and `log |det|`.

        Args:
            x: `[batch, height, width, channels]`.
        """
        kept, z = x[..., : self._kept], x[..., self._kept :]
        mean, log_deviation = self._density(kept, batch=tf.shape(x)[0])
        eps = (z - mean) * tf.exp(-log_deviation)
        log_det = -tf.reduce_sum(log_deviation, [1, 2, 3])
        flat = tf.reshape(eps, [-1, self.noise_dim])
        return kept if self._kept else None, flat, log_det

    def towards_data(
        self, kept: tf.Tensor | None, flat: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns all channels from what was kept and the flat noise, and `log |det|`.

        Args:
            kept: `[batch, height, width, kept]`, or None.
            flat: `[batch, noise_dim]`.
        """
        eps = tf.reshape(flat, [-1, *self.shape_out])
        mean, log_deviation = self._density(kept, batch=tf.shape(eps)[0])
        z = mean + eps * tf.exp(log_deviation)
        log_det = tf.reduce_sum(log_deviation, [1, 2, 3])
        return (tf.concat([kept, z], axis=-1) if self._kept else z), log_det

    def _density(
        self, kept: tf.Tensor | None, *, batch: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns mean and log-deviation, `[batch, height, width, channels]`."""
        if self.network is None:
            nothing = tf.zeros([batch, *self.shape_out], self.compute_dtype)
            return nothing, nothing
        mean, raw = tf.split(self.network(kept), 2, axis=-1)
        log_deviation = bounded(raw)
        shape = [batch, *self.shape_out]
        return tf.broadcast_to(mean, shape), tf.broadcast_to(log_deviation, shape)


def bounded(raw: tf.Tensor) -> tf.Tensor:
    """Returns log-deviations in (-5, 5), `5 tanh(raw / 5)`."""
    return _BOUND * tf.tanh(raw / _BOUND)
