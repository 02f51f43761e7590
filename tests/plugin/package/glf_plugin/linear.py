# SPDX-License-Identifier: Apache-2.0
"""The networks of principal components: one dense layer each."""

__all__ = ["Linear"]

import math

import keras
from keras import layers

from glf_tf.networks import network


class Linear(network.AbstractNetwork):
    """A linear encoder and a linear decoder.

    Args:
        bias: Whether the layers have biases.
    """

    def __init__(self, *, bias: bool = True):
        super().__init__()
        self.bias = bias

    def encoder(self, image_shape, output_dim, *, name="encoder"):
        """Returns a new encoder; see `AbstractNetwork`."""
        stack = [
            keras.Input(image_shape),
            layers.Flatten(name="flatten"),
            layers.Dense(output_dim, use_bias=self.bias, name="dense"),
        ]
        return keras.Sequential(stack, name=name)

    def decoder(self, latent_dim, image_shape, *, name="decoder"):
        """Returns a new decoder; see `AbstractNetwork`."""
        stack = [
            keras.Input((latent_dim,)),
            layers.Dense(math.prod(image_shape), use_bias=self.bias, name="dense"),
            layers.Reshape(image_shape, name="reshape"),
        ]
        return keras.Sequential(stack, name=name)
