# SPDX-License-Identifier: Apache-2.0
"""Bijectors whose value and log-determinant come from one pass."""

__all__ = ["OnePassBijector"]

import abc

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability.python.internal import cache_util

tfb = tfp.bijectors


class OnePassBijector(tfb.Bijector):
    """A bijector that computes its log-determinant with its value.

    `tfb.Bijector` asks for them by two methods, which would run a network twice.
    """

    # The cache that `tfb.FFJORD` uses: a map that returns its log-determinant with its
    # value has both cached, and neither is computed again.
    _cache = cache_util.BijectorCacheWithGreedyAttrs(
        forward_name="_augmented_forward", inverse_name="_augmented_inverse"
    )

    def __init__(self, data_ndims: int, *, noise_ndims: int | None = None, name: str):
        """Initializes the bijector.

        Args:
            data_ndims: Number of axes of an example of the data.
            noise_ndims: Number of axes of its noise, if it is another one.
            name: Name of the operations.
        """
        super().__init__(
            forward_min_event_ndims=data_ndims if noise_ndims is None else noise_ndims,
            inverse_min_event_ndims=data_ndims,
            parameters={"name": name},
            name=name,
        )

    # TFP's bijectors of equal parameters share a cache. These are made anew for each
    # call, between which the weights of the same layers may have changed.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        """Returns whether it is the same object."""
        return self is other

    @abc.abstractmethod
    def towards_noise(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the noise of data, and `log |det|` of this map, `[batch]`."""

    @abc.abstractmethod
    def towards_data(self, eps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the data of noise, and `log |det|` of this map, `[batch]`."""

    # `tfb.Bijector` reads the log-determinant towards noise, "ildj", of both directions
    # from the cache; the last two methods are for what it has no value of.
    def _augmented_inverse(self, x):
        eps, log_det = self.towards_noise(x)
        return eps, {"ildj": log_det}

    def _augmented_forward(self, eps):
        x, log_det = self.towards_data(eps)
        return x, {"ildj": -log_det}

    def _forward(self, x):
        return self.towards_data(x)[0]

    def _inverse(self, y):
        return self.towards_noise(y)[0]

    def _inverse_log_det_jacobian(self, y):
        return self.towards_noise(y)[1]

    def _forward_log_det_jacobian(self, x):
        return self.towards_data(x)[1]
