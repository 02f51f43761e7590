# SPDX-License-Identifier: Apache-2.0
"""The network of Glow's couplings: convolutions of 3x3, 1x1 and 3x3.

Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018, appendix
B and the released code. https://arxiv.org/abs/1807.03039
"""

__all__ = ["GlowConditioner", "ZeroConvolution"]

from collections.abc import Sequence

import keras
import tensorflow as tf

from glf_tf.bijectors import actnorm
from glf_tf.bijectors.conditioners import conditioner
from glf_tf.layers import convolution


class GlowConditioner(conditioner.AbstractConditioner):
    """Two hidden convolutions with `ActNorm`, and a last one that starts at zero.

        h = relu(actnorm(conv3x3(x)));  h = relu(actnorm(conv1x1(h)));  conv3x3(h)

    The kernels of the hidden ones start from N(0, 0.05^2).
    """

    def __init__(
        self, input_shape: Sequence[int], outputs: int, *, hidden: int = 64, **kwargs
    ):
        """Initializes the network and its variables.

        Args:
            input_shape: (height, width, channels).
            outputs: Number of output channels.
            hidden: Number of hidden channels.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        common = {"dtype": self.dtype_policy}
        with keras.name_scope(self.name):
            self.hidden_0 = _Hidden(
                input_shape, hidden, size=3, name="hidden_0", **common
            )
            shape = (*input_shape[:2], hidden)
            self.hidden_1 = _Hidden(shape, hidden, size=1, name="hidden_1", **common)
            self.output_conv = ZeroConvolution(shape, outputs, name="output", **common)
        self.built = True

    def call(self, x, training=False):
        """Returns `[batch, height, width, outputs]`."""
        del training
        return self.output_conv(self.hidden_1(self.hidden_0(x)))

    def start(self, x):
        """Sets the scales of the hidden convolutions by a batch."""
        return self.output_conv(self.hidden_1.start(self.hidden_0.start(x)))


class _Convolution(keras.layers.Layer):
    """A convolution that is told where the padding is.

    The padding has zeros, and an input channel of its own that is one there alone: its
    part of the output is the same for all images, and is computed once.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int,
        *,
        size: int,
        initializer: str | keras.initializers.Initializer,
        **kwargs,
    ):
        super().__init__(**kwargs)
        *self._size, inputs = input_shape
        self.kernel = self.edge = None
        if inputs:
            self.kernel = self.add_weight(
                name="kernel",
                shape=(size, size, inputs, outputs),
                initializer=initializer,
            )
        if size > 1:
            self.edge = self.add_weight(
                name="edge", shape=(size, size, 1, outputs), initializer="zeros"
            )

    def convolved(
        self, x: tf.Tensor, *, scale: tf.Tensor | float = 1.0, shift: tf.Tensor = 0.0
    ) -> tf.Tensor:
        """Returns `(conv(x) + shift) * scale` of images, with the part of the padding.

        The scale is that of the weights, which are fewer than the outputs. Of images
        without channels, the outputs are the same, `[1, height, width, outputs]`.
        """
        constant = (self._of_padding() + shift) * scale
        if self.kernel is None:
            return constant
        return convolution.convolve(x, self.kernel * scale) + constant

    def _of_padding(self) -> tf.Tensor:
        """Returns the part of the padding, `[1, height, width, outputs]`, or 0."""
        if self.edge is None:
            return tf.zeros([], self.compute_dtype)
        inside = tf.ones([1, *self._size, 1], self.compute_dtype)
        padded = tf.pad(inside, [[0, 0], [1, 1], [1, 1], [0, 0]])
        return tf.nn.conv2d(1.0 - padded, self.edge, strides=1, padding="VALID")


class _Hidden(_Convolution):
    """`relu((conv(x) + shift) * exp(3 * log_scale))`, an `ActNorm` without density."""

    def __init__(self, input_shape, outputs, *, size, **kwargs):
        start = actnorm.small_start()
        super().__init__(input_shape, outputs, size=size, initializer=start, **kwargs)
        self.shift, self.log_scale = (
            self.add_weight(name=name, shape=(outputs,), initializer="zeros")
            for name in ("shift", "log_scale")
        )
        self.built = True

    def call(self, x):
        scale = tf.exp(actnorm.LOG_SCALE_FACTOR * self.log_scale)
        if self.edge is None:
            matrix = self.kernel[0, 0] * scale
            return convolution.pointwise(x, matrix, bias=self.shift * scale)
        return tf.nn.relu(self.convolved(x, scale=scale, shift=self.shift))

    def start(self, x: tf.Tensor) -> tf.Tensor:
        """Sets shift and scale by a batch, and returns the output."""
        shift, log_scale = actnorm.of_batch(self.convolved(x))
        self.shift.assign(shift)
        self.log_scale.assign(log_scale)
        return self(x)


class ZeroConvolution(_Convolution):
    """`(conv3x3(x) + bias) * exp(3 * log_factor)`, where all weights start at zero."""

    def __init__(self, input_shape: Sequence[int], outputs: int, **kwargs):
        """Initializes the layer and its variables.

        Args:
            input_shape: (height, width, channels); there may be no channels.
            outputs: Number of output channels.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(input_shape, outputs, size=3, initializer="zeros", **kwargs)
        self.bias, self.log_factor = (
            self.add_weight(name=name, shape=(outputs,), initializer="zeros")
            for name in ("bias", "log_factor")
        )
        self.built = True

    def call(self, x):
        """Returns `[batch, height, width, outputs]`."""
        factor = tf.exp(actnorm.LOG_SCALE_FACTOR * self.log_factor)
        return self.convolved(x, scale=factor, shift=self.bias)
