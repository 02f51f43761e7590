# SPDX-License-Identifier: Apache-2.0
"""The bijector of autoregressive steps, in the direction that takes one pass or not.

Papamakarios, Pavlakou, Murray: Masked Autoregressive Flow for Density Estimation, 2017.
https://arxiv.org/abs/1705.07057
"""

__all__ = ["AutoregressiveBijector", "Transform"]

from collections.abc import Callable
from typing import Protocol

import tensorflow as tf

from glf_tf.bijectors import one_pass
from glf_tf.bijectors.conditioners import autoregressive


class Transform(Protocol):
    """Increasing functions of one number each."""

    def forward_and_log_slope(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `y`, and `log dy/dx`, of the shape of `x`."""

    def inverse_and_log_slope(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `x`, and `log dx/dy`, of the shape of `y`."""


class AutoregressiveBijector(one_pass.OnePassBijector):
    """The bijector of an autoregressive network, fast towards noise.

    Towards noise (`inverse`), for all tokens i at once,

        eps[i] = transform(x[i]; network(x[0], ..., x[i - 1]))
        inverse_log_det_jacobian = sum(log_slope, axis=-1)

    so that the Jacobian is lower triangular. Towards data, the tokens are found one
    after the other, exactly. In each pass, the network computes what sees one token
    more, so that all together have the arithmetic of one pass.
    """

    def __init__(
        self,
        network: autoregressive.AbstractAutoregressiveNetwork,
        transform_fn: Callable[[tf.Tensor], Transform],
        *,
        given_fn: Callable[[tf.Tensor], tf.Tensor],
        training: bool = False,
        name: str = "autoregressive",
    ):
        """Initializes the bijector.

        Args:
            network: Has the parameters of each coordinate.
            transform_fn: Makes of parameters what coordinates pass towards noise.
            given_fn: Makes of vectors what the network is given, with the condition.
            training: Whether the network has dropout towards noise.
            name: Name of the operations.
        """
        super().__init__(1, name=name)
        self._network, self._transform_fn = network, transform_fn
        self._given_fn, self._training = given_fn, training

    def towards_noise(self, x):
        """Returns the noise of vectors, and the log-determinant."""
        parameters = self._network(self._given_fn(x), training=self._training)
        eps, log_slope = self._transform_fn(parameters).forward_and_log_slope(x)
        return eps, tf.reduce_sum(log_slope, axis=-1)

    def towards_data(self, eps):
        """Returns the vectors of noise, and the log-determinant."""
        size, token_dim = eps.shape[-1], self._network.token_dim
        count = -(-size // token_dim)
        batch = tf.unstack(tf.shape(eps)[:-1])
        # A last token with fewer coordinates has others that are dropped again.
        rest = tf.zeros([*batch, count * token_dim - size], eps.dtype)
        tokens = tf.reshape(tf.concat([eps, rest], -1), [*batch, count, token_dim])

        def vectors(found):
            return tf.reshape(found, [2, *batch, count * token_dim])[..., :size]

        def add_token(index, found, known):
            x, _ = tf.unstack(vectors(found))
            parameters, known = self._network.of_token(self._given_fn(x), index, known)
            transform = self._transform_fn(parameters)
            token = tf.gather(tokens, index, axis=-2)
            both = tf.stack(transform.inverse_and_log_slope(token))
            place = tf.one_hot(index, count, dtype=eps.dtype)[:, None]
            return index + 1, found + both[..., None, :] * place, known

        _, found, _ = tf.while_loop(
            lambda index, *_: index < count,
            add_token,
            (
                tf.constant(0),
                tf.stack([tf.zeros_like(tokens)] * 2),
                self._network.none_known(self._given_fn(tf.zeros_like(eps))),
            ),
            maximum_iterations=count,
        )
        x, log_slope = tf.unstack(vectors(found))
        return x, tf.reduce_sum(log_slope, axis=-1)
