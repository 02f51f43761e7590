# SPDX-License-Identifier: Apache-2.0
"""The base class of networks whose outputs see what is before them alone."""

__all__ = ["AbstractAutoregressiveNetwork"]

import abc

import keras
import tensorflow as tf


class AbstractAutoregressiveNetwork(keras.layers.Layer, abc.ABC):
    """The parameters of a token are functions of the tokens before it.

    A vector is a sequence of tokens of `token_dim` coordinates; the last may have
    fewer. A condition may follow the vector: all parameters depend on it.

    Attributes:
        token_dim: Number of coordinates whose parameters are found at once.
    """

    token_dim = 1

    @abc.abstractmethod
    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the parameters of all coordinates.

        Args:
            x: `[batch, event_dim + condition_dim]`.
            training: Whether there is dropout.

        Returns:
            parameters: `[batch, event_dim, count]`.
        """

    @abc.abstractmethod
    def none_known(self, x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns `known` of `of_token` before the first token; x is as of `call`."""

    @abc.abstractmethod
    def of_token(
        self, x: tf.Tensor, index: tf.Tensor, known: tuple[tf.Tensor, ...]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Returns the parameters of a token, when those before it are known.

        It is called for one token after the other, and computes nothing again.

        Args:
            x: As of `call`; what is after the tokens before `index` is not seen.
            index: The token.
            known: What was computed, as returned for the token before, or by
                `none_known`.

        Returns:
            parameters: `[batch, token_dim, count]`.
            known: The same for the next token.
        """
