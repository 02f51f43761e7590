# SPDX-License-Identifier: Apache-2.0
"""A convolutional pair for larger images, with the layers of DCGAN.

Radford, Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks, 2015. https://arxiv.org/abs/1511.06434
"""

__all__ = ["DCGAN"]

import math
from typing import Literal

import keras
from keras import layers

from glf_tf import errors, types
from glf_tf.layers import leaky_relu
from glf_tf.networks import halving, network

INNER = 4
"""Side of the innermost feature map, in pixels."""


class DCGAN(network.AbstractNetwork):
    """Strided 4x4 convolutions down to 4 x 4 pixels, and their mirror image.

    Each halves the side and doubles the filters, up to `max_filters`; all but the first
    are normalised over the batch. The GLF paper uses such a pair at 256 x 256 without
    stating its widths; these are ours.

    Args:
        filters: Filters next to the image.
        max_filters: Maximum number of filters of a layer.
        precision: Precision of all layers except the last: float32, or bfloat16 or
            float16, which are faster on GPUs and some CPUs.
    """

    def __init__(
        self,
        *,
        filters: int = 32,
        max_filters: int = 512,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
    ):
        super().__init__(precision=precision)
        self.filters, self.max_filters = filters, max_filters

    def encoder(
        self, image_shape: types.ImageShape, output_dim: int, *, name: str = "encoder"
    ) -> keras.Model:
        """Returns a new encoder; see `AbstractNetwork`."""
        stack = [keras.Input(image_shape, name="image")]
        for index, filters in enumerate(self._widths(image_shape)):
            stack.append(halving.conv(filters, f"conv_{index}", use_bias=not index))
            if index:
                stack.append(network.batch_norm(f"norm_{index}"))
            stack.append(leaky_relu.LeakyReLU(0.2, name=f"relu_{index}"))
        stack.append(layers.Flatten(name="flatten"))
        stack.append(halving.dense(output_dim, "dense_last", use_bias=True))
        return self._chained(stack, name=name)

    def decoder(
        self, latent_dim: int, image_shape: types.ImageShape, *, name: str = "decoder"
    ) -> keras.Model:
        """Returns a new decoder; see `AbstractNetwork`."""
        widths = self._widths(image_shape)[::-1]
        inner = (INNER, INNER, widths[0])
        stack = [
            keras.Input((latent_dim,), name="z"),
            halving.dense(math.prod(inner), "dense_first", use_bias=False),
            layers.Reshape(inner, name="reshape"),
        ]
        for index, filters in enumerate([*widths[1:], image_shape[2]]):
            stack.append(network.batch_norm(f"norm_{index}"))
            stack.append(layers.ReLU(name=f"relu_{index}"))
            is_last = index == len(widths) - 1
            stack.append(halving.deconv(filters, f"deconv_{index}", use_bias=is_last))
        return self._chained(stack, name=name)

    def _widths(self, image_shape: types.ImageShape) -> list[int]:
        """Returns the filters of each convolution, next to the image first."""
        height, width, _ = image_shape
        halvings = round(math.log2(max(height, 1) / INNER))
        if height != width or halvings < 1 or height != INNER * 2**halvings:
            raise errors.InvalidValue(
                "The DCGAN network needs square images of 8, 16, 32, 64, ... pixels",
                received=f"image_shape={image_shape}",
                do="Resize the images, or use --network=infogan",
            )
        return [min(self.filters * 2**n, self.max_filters) for n in range(halvings)]
