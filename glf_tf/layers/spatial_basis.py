# SPDX-License-Identifier: Apache-2.0
"""From a vector to the smallest feature maps, and back, by one learned map a channel.

Huang, Gokaslan, Kuleshov, Tompkin: The GAN is dead; long live the GAN!, 2024, and its
released code. https://arxiv.org/abs/2501.05441
"""

__all__ = ["FromBasis", "OntoBasis"]

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="glf_tf")
class FromBasis(keras.layers.Layer):
    """Learned maps times the numbers of a vector: `y[a, b, c] = basis[a, b, c] * x[c]`.

    Args:
        size: Height and width of the maps.
    """

    def __init__(self, size: tuple[int, int], **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def build(self, input_shape):
        """Creates the maps, which start from N(0, 1)."""
        start = keras.initializers.RandomNormal(stddev=1.0)
        shape = (*self.size, input_shape[-1])
        self.basis = self.add_weight(name="basis", shape=shape, initializer=start)

    def call(self, x):
        """Returns `[batch, height, width, channels]` of `[batch, channels]`."""
        return tf.convert_to_tensor(self.basis) * x[:, None, None, :]

    def compute_output_shape(self, input_shape):
        """Returns the shape of the output."""
        return input_shape[0], *self.size, input_shape[-1]

    def get_config(self):
        """Returns the constructor's arguments."""
        return super().get_config() | {"size": self.size}


@keras.saving.register_keras_serializable(package="glf_tf")
class OntoBasis(keras.layers.Layer):
    """Products with learned maps: `y[c] = sum(basis[a, b, c] * x[a, b, c])` of a, b."""

    def build(self, input_shape):
        """Creates the maps, which start from N(0, 1 / (height * width))."""
        _, height, width, channels = input_shape
        start = keras.initializers.RandomNormal(stddev=(height * width) ** -0.5)
        shape = (height, width, channels)
        self.basis = self.add_weight(name="basis", shape=shape, initializer=start)

    def call(self, x):
        """Returns `[batch, channels]` of `[batch, height, width, channels]`."""
        return tf.reduce_sum(tf.convert_to_tensor(self.basis) * x, axis=[1, 2])

    def compute_output_shape(self, input_shape):
        """Returns the shape of the output."""
        return input_shape[0], input_shape[-1]
