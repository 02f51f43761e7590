# SPDX-License-Identifier: Apache-2.0
"""A leaky ReLU whose gradient is a function of its output."""

__all__ = ["LeakyReLU"]

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="glf_tf")
class LeakyReLU(keras.layers.Layer):
    """`max(x, slope * x)`, for slopes above 0 and below 1.

    The gradient of TensorFlow's operation needs its input, of the same sign as its
    output. A convolution whose bias is added before it then has two results, and
    TensorFlow, which fuses the three operations to one with oneDNN, fails where it has
    assumed the output alone: it says so in a line, and leaves the graph as it was. With
    the gradient by the output there is one result, in training as well.
    """

    def __init__(self, slope: float = 0.2, **kwargs):
        super().__init__(**kwargs)
        self.slope = slope
        self.supports_masking = True

    def call(self, x):
        """Returns the activations, in the shape of the inputs."""

        @tf.custom_gradient
        def activate(x):
            y = tf.nn.leaky_relu(x, alpha=self.slope)

            def gradient(upstream):
                # It does not change with the input, of which second derivatives have 0.
                sign = tf.stop_gradient(y)
                return tf.raw_ops.LeakyReluGrad(
                    gradients=upstream, features=sign, alpha=self.slope
                )

            return y, gradient

        return activate(x)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the inputs."""
        return input_shape

    def get_config(self):
        """Returns the slope."""
        return {**super().get_config(), "slope": self.slope}
