# SPDX-License-Identifier: Apache-2.0
"""The base class of the networks of couplings on images."""

__all__ = ["AbstractConditioner"]

import abc

import keras
import tensorflow as tf


class AbstractConditioner(keras.layers.Layer, abc.ABC):
    """Maps images `[batch, height, width, channels]` to others of the same size."""

    @abc.abstractmethod
    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns `[batch, height, width, outputs]`.

        Args:
            x: `[batch, height, width, channels]`.
            training: Whether normalisation uses the batch's statistics.
        """

    def start(self, x: tf.Tensor) -> tf.Tensor:
        """Sets what starts from data; returns the output by the weights as they are."""
        return self(x)
