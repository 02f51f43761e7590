# SPDX-License-Identifier: Apache-2.0
"""Convolutions with weight normalisation, which Keras does not have.

Salimans, Kingma: Weight Normalization, 2016. https://arxiv.org/abs/1602.07868
"""

__all__ = ["WeightNormConv2D"]

import keras
import tensorflow as tf

from glf_tf.layers import convolution


@keras.saving.register_keras_serializable(package="glf_tf")
class WeightNormConv2D(keras.layers.Layer):
    """A convolution of stride 1, of which each output's kernel has a learned norm.

    kernel = scale * direction / |direction|        (equation 2)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        size: int = 3,
        is_scale_learned: bool = True,
        scale_start: float = 1.0,
        scale_l2: float = 0.0,
        **kwargs,
    ):
        """Initializes the layer and its variables.

        Args:
            inputs: Number of input channels.
            outputs: Number of output channels.
            size: Height and width of the kernel.
            is_scale_learned: Whether the norms are learned.
            scale_start: The norms at the start.
            scale_l2: Weight of the norms' squares in the loss.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        reach = (2.0 / (size * size * inputs)) ** 0.5
        self.direction = self.add_weight(
            name="direction",
            shape=(size, size, inputs, outputs),
            initializer=keras.initializers.RandomUniform(-reach, reach),
        )
        self.scale = self.add_weight(
            name="scale",
            shape=(outputs,),
            initializer=keras.initializers.Constant(scale_start),
            regularizer=keras.regularizers.L2(scale_l2) if scale_l2 else None,
            trainable=is_scale_learned,
        )
        self.bias = self.add_weight(name="bias", shape=(outputs,), initializer="zeros")
        self.built = True

    def call(self, x):
        """Returns `[batch, height, width, outputs]`."""
        direction = tf.convert_to_tensor(self.direction)
        unit = tf.nn.l2_normalize(direction, axis=[0, 1, 2])
        return convolution.convolve(x, unit * self.scale) + self.bias
