# SPDX-License-Identifier: Apache-2.0
"""The residual block of R3GAN, a bottleneck turned inside out, without normalisation.

Huang, Gokaslan, Kuleshov, Tompkin: The GAN is dead; long live the GAN!, 2024, and its
released code. https://arxiv.org/abs/2501.05441
Zhang, Dauphin, Ma: Fixup Initialization, 2019. https://arxiv.org/abs/1901.09321
"""

__all__ = ["GroupedResidual"]

import math

import keras
import tensorflow as tf

from glf_tf.layers import convolution

_SLOPE = 0.2
_SIDE = 3

_GAIN = math.sqrt(2.0 / (1.0 + _SLOPE**2))
"""What keeps the variance through a leaky ReLU (He et al., 2015)."""


@keras.saving.register_keras_serializable(package="glf_tf")
class GroupedResidual(keras.layers.Layer):
    """A block of images that adds something to its input, at the start nothing.

        h = leaky(conv 1x1(x) + bias)                 to expansion * channels
        h = leaky(conv 3x3 in groups(h) + bias)
        y = x + conv 1x1(h)                           back to the channels

    with a slope of 0.2. The last kernel starts from zeros; the two others from normal
    distributions of variance `gain^2 / fan_in`, times `depth^(-1/2)`: the more blocks a
    network has, the smaller their steps, so that it needs no normalisation.
    """

    def __init__(
        self, *, expansion: int = 2, group_size: int = 16, depth: int = 1, **kwargs
    ):
        """Initializes the layer.

        Args:
            expansion: Channels inside of the block, relative to those of its input.
            group_size: Channels of each group of the 3x3 convolution, which divide
                those inside.
            depth: Number of blocks of the whole network.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.expansion, self.group_size, self.depth = expansion, group_size, depth

    def build(self, input_shape):
        """Creates the weights."""
        outer = input_shape[-1]
        inner, fan = self.expansion * outer, _SIDE**2 * self.group_size
        self.kernel_0 = self._kernel("kernel_0", (1, 1, outer, inner), fan_in=outer)
        self.bias_0 = self._bias("bias_0", inner)
        shape = (_SIDE, _SIDE, self.group_size, inner)
        self.kernel_1 = self._kernel("kernel_1", shape, fan_in=fan)
        self.bias_1 = self._bias("bias_1", inner)
        self.kernel_2 = self.add_weight(
            name="kernel_2", shape=(1, 1, inner, outer), initializer="zeros"
        )

    def call(self, x):
        """Returns images of the same shape, `[batch, height, width, channels]`."""
        h = convolution.convolve(x, tf.convert_to_tensor(self.kernel_0))
        h = tf.nn.leaky_relu(h + tf.convert_to_tensor(self.bias_0), alpha=_SLOPE)
        h = _in_groups(h, tf.convert_to_tensor(self.kernel_1))
        h = tf.nn.leaky_relu(h + tf.convert_to_tensor(self.bias_1), alpha=_SLOPE)
        return x + convolution.convolve(h, tf.convert_to_tensor(self.kernel_2))

    def compute_output_shape(self, input_shape):
        """Returns the shape of the input."""
        return input_shape

    def get_config(self):
        """Returns the constructor's arguments."""
        own = ("expansion", "group_size", "depth")
        return super().get_config() | {name: getattr(self, name) for name in own}

    def _kernel(self, name: str, shape: tuple[int, ...], *, fan_in: int):
        deviation = _GAIN * self.depth**-0.25 / math.sqrt(fan_in)
        start = keras.initializers.RandomNormal(stddev=deviation)
        return self.add_weight(name=name, shape=shape, initializer=start)

    def _bias(self, name: str, channels: int):
        return self.add_weight(name=name, shape=(channels,), initializer="zeros")


def _in_groups(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns a convolution whose outputs see their own group of channels alone.

    TensorFlow's has no gradients on CPUs, unless oneDNN computes them, and there the
    convolutions of the groups, one by one, are as fast. On GPUs it is one operation.

    Args:
        x: `[batch, height, width, channels]`.
        kernel: `[size, size, channels of a group, channels]`.
    """
    if tf.config.list_physical_devices("GPU"):
        return tf.nn.conv2d(x, kernel, strides=1, padding="SAME")
    count = x.shape[-1] // kernel.shape[2]
    pairs = zip(
        tf.split(x, count, axis=-1), tf.split(kernel, count, axis=-1), strict=True
    )
    groups = [tf.nn.conv2d(*pair, strides=1, padding="SAME") for pair in pairs]
    return tf.concat(groups, axis=-1)
