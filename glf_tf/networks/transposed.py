# SPDX-License-Identifier: Apache-2.0
"""The transposed convolution that doubles an image's side, fast for few channels."""

__all__ = ["Upsampling"]

import keras
import tensorflow as tf
from keras import layers

_KERNEL, _STRIDE = 4, 2

FEW = 4
"""Maximum number of channels for the matrix product."""


@keras.saving.register_keras_serializable(package="glf_tf")
class Upsampling(layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`, 4x4 with stride 2 and padding "same".

    oneDNN is several times slower than necessary if the output has few channels, as in
    the last layer of a decoder. In this case, on a CPU, the pixels are multiplied with
    the kernel in one matrix product, and the four of sixteen products of an output
    pixel are added. The gradients are those of TensorFlow, which are fast.

    Args:
        filters: Channels of the output.
        **kwargs: Keyword arguments of `keras.layers.Conv2DTranspose` except
            `kernel_size`, `strides` and `padding`.
    """

    def __init__(self, filters: int, **kwargs):
        kwargs |= {"kernel_size": _KERNEL, "strides": _STRIDE, "padding": "same"}
        super().__init__(filters, **kwargs)

    def call(self, inputs):
        """Returns images of twice the height and width."""
        if self.filters > FEW or tf.config.list_physical_devices("GPU"):
            return super().call(inputs)
        outputs = upsample(inputs, tf.convert_to_tensor(self.kernel))
        if self.use_bias:
            outputs += tf.convert_to_tensor(self.bias)
        return outputs if self.activation is None else self.activation(outputs)


@tf.custom_gradient
def upsample(x: tf.Tensor, kernel: tf.Tensor):
    """Returns `tf.nn.conv2d_transpose(x, kernel, ..., strides=2, padding="SAME")`.

    Args:
        x: `[batch, height, width, channels]`.
        kernel: `[4, 4, output channels, channels]`.
    """
    strides = [1, _STRIDE, _STRIDE, 1]

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        of_x = tf.nn.conv2d(upstream, kernel, strides, "SAME")
        of_kernel = tf.raw_ops.Conv2DBackpropFilter(
            input=upstream,
            filter_sizes=tf.shape(kernel),
            out_backprop=x,
            strides=strides,
            padding="SAME",
        )
        return of_x, of_kernel

    return _folded(_products(x, kernel)), gradient


def _products(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns each pixel times the kernel, `[batch, height, width, 4, 4 * outputs]`."""
    _, _, outputs, channels = kernel.shape
    matrix = tf.reshape(kernel, [-1, channels])
    products = tf.matmul(tf.reshape(x, [-1, channels]), matrix, transpose_b=True)
    return tf.reshape(products, [*_sizes(x), _KERNEL, _KERNEL * outputs])


def _folded(products: tf.Tensor) -> tf.Tensor:
    """Adds the products of the same output pixel.

    For the pixel i, the row a of the kernel contributes to the row 2 i + a - 1:

        row 2 i      = row 1 of pixel i  +  row 3 of pixel i - 1
        row 2 i + 1  = row 2 of pixel i  +  row 0 of pixel i + 1

    and likewise for the columns.
    """
    batch, height, width = _sizes(products)
    outputs = products.shape[-1] // _KERNEL
    m = tf.pad(products, [[0, 0], [1, 1], [1, 1], [0, 0], [0, 0]])
    even = m[:, 1:-1, :, 1] + m[:, :-2, :, 3]
    odd = m[:, 1:-1, :, 2] + m[:, 2:, :, 0]
    m = tf.stack([even, odd], axis=2)
    m = tf.reshape(m, [batch, 2 * height, width + 2, _KERNEL, outputs])
    even = m[:, :, 1:-1, 1] + m[:, :, :-2, 3]
    odd = m[:, :, 1:-1, 2] + m[:, :, 2:, 0]
    m = tf.stack([even, odd], axis=3)
    return tf.reshape(m, [batch, 2 * height, 2 * width, outputs])


def _sizes(x: tf.Tensor) -> list[int | tf.Tensor]:
    """Returns batch, height and width, as numbers if they are static."""
    shape = tf.shape(x)
    return [shape[i] if x.shape[i] is None else x.shape[i] for i in range(3)]
