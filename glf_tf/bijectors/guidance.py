# SPDX-License-Identifier: Apache-2.0
"""Guidance of autoregressive steps by what they depend on, such as a label.

Ho, Salimans: Classifier-Free Diffusion Guidance, 2022. https://arxiv.org/abs/2207.12598
Zhai, Zhang, Nakkiran, Berthelot, Gu, Zheng, Chen, Bautista, Jaitly, Susskind:
Normalizing Flows are Capable Generative Models, 2024, section 2.6.
https://arxiv.org/abs/2412.06329
"""

__all__ = ["GuidedNetwork", "has_effect", "no_label"]

import tensorflow as tf

from glf_tf.bijectors.conditioners import autoregressive


class GuidedNetwork:
    """What an `AbstractAutoregressiveNetwork` can, with its parameters extrapolated.

        parameters = p_none + guidance * (p - p_none)

    Its input has twice the batch: vectors with their condition, then the same with that
    of no label. With a `guidance` of 1 it is the network itself.

    Deviation: the paper has p + g * (p - p_none), so that its g is `guidance - 1`.
    """

    def __init__(
        self,
        network: autoregressive.AbstractAutoregressiveNetwork,
        *,
        guidance: float | tf.Tensor,
    ):
        """Initializes it by a network and its guidance."""
        self._network, self._guidance = network, guidance
        self.token_dim, self.none_known = network.token_dim, network.none_known

    def __call__(self, x: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the parameters of all coordinates, `[batch, event_dim, count]`."""
        return self._extrapolated(self._network(x, training=training))

    def of_token(
        self, x: tf.Tensor, index: tf.Tensor, known: tuple[tf.Tensor, ...]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Returns the parameters of a token, and what is known for the next."""
        parameters, known = self._network.of_token(x, index, known)
        return self._extrapolated(parameters), known

    def _extrapolated(self, parameters: tf.Tensor) -> tf.Tensor:
        given, none = tf.split(parameters, 2)
        return none + tf.cast(self._guidance, none.dtype) * (given - none)


def has_effect(guidance: float | tf.Tensor) -> bool:
    """Returns whether samples may differ by a guidance: not by the number 1."""
    return tf.is_tensor(guidance) or guidance != 1.0


def no_label(condition: tf.Tensor) -> tf.Tensor:
    """Returns the mean of all one-hot labels, in the place of each condition."""
    return tf.fill(
        tf.shape(condition), tf.cast(1 / condition.shape[-1], condition.dtype)
    )
