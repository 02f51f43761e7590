# SPDX-License-Identifier: Apache-2.0
"""The generators of LFBM and LEBM, and encoders that mirror them.

Pang, Han, Nijkamp, Zhu, Wu: Learning Latent Space Energy-Based Prior Model, 2020,
appendix and released code. https://arxiv.org/abs/2006.08205
"""

__all__ = ["TopDown"]

import itertools
import math
from typing import Literal

import keras
from keras import layers

from glf_tf import errors, types
from glf_tf.layers import biased, leaky_relu
from glf_tf.networks import network, transposed


class TopDown(network.AbstractNetwork):
    """Transposed convolutions without normalisation, and convolutions in reverse.

        decoder: latent -> widths[0] maps of the smallest size, LeakyReLU 0.2;
                 each further layer 4x4 with stride 2, LeakyReLU 0.2;
                 last layer to the channels, 4x4 with stride 2 or 3x3 with stride 1

    The released sizes, with their `ngf` written out:

        SVHN, 32 pixels         512,256,128             last_stride 2, 4x4 maps first
        CIFAR-10, 32 pixels     1024,512,256            last_stride 1, 8x8 maps first
        CelebA, 64 pixels       1024,512,256,128        last_stride 2, 4x4 maps first
        CelebA-HQ, 256 pixels   2048,1024,512,256,128,128   last_stride 2, 4x4 maps

    A released generator ends in `tanh(h)`, pixels in [-1, 1]. Since tanh(h) =
    2 * sigmoid(2 h) - 1, the pixel logits here are `2 h`: the same function, of pixels
    in [0, 1]. Weights start from Glorot's normal distribution and biases from zero.

    The encoder is ours, as none was released: the same widths in reverse.

    Args:
        widths: Feature maps of the generator's layers, next to the latent first.
        last_stride: Whether the layer next to the image doubles its side (2) or keeps
            it (1).
        precision: Precision of all layers except the last: float32, or bfloat16 or
            float16, which are faster on GPUs and some CPUs.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (512, 256, 128),
        last_stride: int = 2,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
    ):
        super().__init__(precision=precision)
        self.widths, self.last_stride = tuple(widths), last_stride
        if not self.widths or min(self.widths) < 1:
            raise errors.InvalidValue(
                "The widths of a generator must be positive, and at least one",
                received=f"widths={self.widths}",
                do="Use for instance --network.widths=512,256,128",
            )
        if last_stride not in (1, 2):
            raise errors.InvalidValue(
                "The layer next to the image must double its side or keep it",
                received=f"last_stride={last_stride}",
                do="Use --network.last_stride=2 or 1",
            )

    def encoder(
        self, image_shape: types.ImageShape, output_dim: int, *, name: str = "encoder"
    ) -> keras.Model:
        """Returns a new encoder; see `AbstractNetwork`."""
        inner = self._inner(image_shape)
        widths = [image_shape[2], *self.widths[::-1]]
        stack = [keras.Input(image_shape, name="image")]
        for index, stride in enumerate(self._strides()[::-1]):
            filters = widths[index + 1]
            kernel = _KERNELS[stride]
            conv = biased.BiasedConv(
                filters,
                kernel,
                strides=stride,
                padding="same",
                kernel_initializer=_start(kernel**2, widths[index] + filters),
                name=f"conv_{index}",
            )
            stack += [conv, _relu(index)]
        last = _start(math.prod(inner), widths[-1] + output_dim)
        dense = layers.Dense(output_dim, kernel_initializer=last, name="dense_last")
        return self._chained([*stack, layers.Flatten(name="flatten"), dense], name=name)

    def decoder(
        self, latent_dim: int, image_shape: types.ImageShape, *, name: str = "decoder"
    ) -> keras.Model:
        """Returns a new decoder; see `AbstractNetwork`."""
        inner = self._inner(image_shape)
        stack = [
            keras.Input((latent_dim,), name="z"),
            layers.Reshape((1, 1, latent_dim), name="reshape"),
            # From one pixel: a dense layer with one bias per map.
            layers.Conv2DTranspose(
                self.widths[0],
                inner,
                kernel_initializer=_start(
                    math.prod(inner), latent_dim + self.widths[0]
                ),
                name="deconv_0",
            ),
        ]
        filters = [*self.widths, image_shape[2]]
        pairs = zip(itertools.pairwise(filters), self._strides(), strict=True)
        for index, ((before, after), stride) in enumerate(pairs, start=1):
            deconv = _LAYERS[stride](
                after,
                kernel_size=_KERNELS[stride],
                padding="same",
                kernel_initializer=_start(_KERNELS[stride] ** 2, before + after),
                name=f"deconv_{index}",
            )
            stack += [_relu(index - 1), deconv]
        # tanh(h) in [-1, 1] is sigmoid(2 h) in [0, 1].
        stack.append(layers.Rescaling(2.0, name="logits"))
        return self._chained(stack, name=name)

    def _strides(self) -> list[int]:
        """Returns the strides of the layers after the first, next to it first."""
        return [2] * (len(self.widths) - 1) + [self.last_stride]

    def _inner(self, image_shape: types.ImageShape) -> tuple[int, int]:
        """Returns height and width of the smallest maps."""
        factor = math.prod(self._strides())
        height, width, _ = image_shape
        if height % factor or width % factor:
            raise errors.InvalidValue(
                f"With {len(self.widths)} widths and last_stride={self.last_stride}, "
                f"height and width must be divisible by {factor}",
                received=f"image_shape={image_shape}",
                do="Use fewer --network.widths",
            )
        return height // factor, width // factor


_KERNELS = {2: 4, 1: 3}
"""The side of a kernel, by the stride."""

_LAYERS = {2: transposed.Upsampling, 1: layers.Conv2DTranspose}
"""The layers next to the image, by the stride."""


def _start(area: int, maps: int) -> keras.initializers.Initializer:
    """Returns Glorot's normal distribution of a kernel of `area` pixels.

    Args:
        area: Pixels of the kernel.
        maps: Feature maps of its input and output together.
    """
    # Keras' own is truncated at two deviations.
    return keras.initializers.RandomNormal(stddev=math.sqrt(2.0 / (area * maps)))


def _relu(index: int) -> layers.Layer:
    return leaky_relu.LeakyReLU(0.2, name=f"relu_{index}")
