# SPDX-License-Identifier: Apache-2.0
"""The networks of R3GAN: residual blocks without normalisation.

Huang, Gokaslan, Kuleshov, Tompkin: The GAN is dead; long live the GAN!, 2024, and its
released code. https://arxiv.org/abs/2501.05441
"""

__all__ = ["R3GAN"]

import itertools
from collections.abc import Iterator
from typing import Literal

import keras
from keras import layers

from glf_tf import errors, types
from glf_tf.layers import grouped_residual, resampling, spatial_basis
from glf_tf.networks import network


class R3GAN(network.AbstractNetwork):
    """Stages of residual blocks; each next stage has twice the height and width.

        decoder: dense of z to widths[0], times learned maps of the smallest size;
                 blocks; then for each further width: conv 1x1 to it if it is another
                 one, doubled, blocks; conv 1x1 to the channels
        encoder: its mirror image: conv 1x1, blocks, halved, ..., products with learned
                 maps, dense
        block:   x + conv 1x1(leaky(conv 3x3 in groups(leaky(conv 1x1(x)))))

    Blocks are `layers.grouped_residual`, with biases inside; no other layer has one,
    except the encoder's last. Images are doubled and halved by `layers.resampling`.
    Weights start from normal distributions that keep the variance; those of blocks are
    smaller the more there are, and their last ones are 0.

    The released sizes, with two blocks a stage and smallest maps of 4x4:

        CIFAR-10, 32 pixels       768,768,768,768
        FFHQ, 64 pixels           768,768,768,768,384
        ImageNet, 32 pixels       1536,1536,1536,1536    group_size 32

    Released networks read and make pixels in [-1, 1], without a bound on the latter.
    The encoder moves pixels there itself, and the pixel logits here are `2 h`.

    Deviation: a sigmoid of them, `(tanh(h) + 1) / 2`, bounds the pixels, where the
        released generator has `(h + 1) / 2`.

    Args:
        widths: Channels of the stages, next to the latent first. Height and width of
            images are divided by two for each but the first.
        blocks: Residual blocks of each stage.
        expansion: Channels inside of a block, relative to its width.
        group_size: Channels of each group of the 3x3 convolutions.
        precision: Precision of all layers except the last: float32, or bfloat16 or
            float16, which are faster on GPUs and some CPUs.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (128, 64, 32),
        blocks: int = 1,
        expansion: int = 2,
        group_size: int = 16,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
    ):
        super().__init__(precision=precision)
        self.widths, self.blocks = tuple(widths), blocks
        self.expansion, self.group_size = expansion, group_size
        self._check_sizes()

    def _check_sizes(self) -> None:
        sizes = (*self.widths, self.blocks, self.expansion, self.group_size)
        if not self.widths or min(sizes) < 1:
            raise errors.InvalidValue(
                "Widths, blocks, expansion and group size must be positive, and there "
                "must be a width",
                received=f"widths={self.widths}, blocks={self.blocks}, "
                f"expansion={self.expansion}, group_size={self.group_size}",
                do="Use for instance --network.widths=128,64,32",
            )
        odd = [w for w in self.widths if (self.expansion * w) % self.group_size]
        if odd:
            raise errors.InvalidValue(
                "The channels inside of a block, expansion * width, must be divisible "
                "into groups",
                received=f"{self.expansion} * {odd[0]} and group_size="
                f"{self.group_size}",
                do=f"Use widths divisible by {self.group_size}, or another "
                "--network.group_size",
            )

    def encoder(
        self, image_shape: types.ImageShape, output_dim: int, *, name: str = "encoder"
    ) -> keras.Model:
        """Returns a new encoder; see `AbstractNetwork`."""
        self._inner(image_shape)
        widths = self.widths[::-1]
        stack = [
            keras.Input(image_shape, name="image"),
            layers.Rescaling(2.0, offset=-1.0, name="centred"),
            _pointwise(widths[0], image_shape[2], name="conv_image"),
            *self._blocks(0),
        ]
        for index, (before, after) in enumerate(itertools.pairwise(widths), start=1):
            stack.append(resampling.Halved(name=f"halved_{index}"))
            if before != after:
                stack.append(_pointwise(after, before, name=f"conv_{index}"))
            stack += self._blocks(index)
        stack.append(spatial_basis.OntoBasis(name="basis"))
        last = _start(widths[-1])
        dense = layers.Dense(output_dim, kernel_initializer=last, name="dense_last")
        return self._chained([*stack, dense], name=name)

    def decoder(
        self, latent_dim: int, image_shape: types.ImageShape, *, name: str = "decoder"
    ) -> keras.Model:
        """Returns a new decoder; see `AbstractNetwork`."""
        stack = [
            keras.Input((latent_dim,), name="z"),
            layers.Dense(
                self.widths[0],
                use_bias=False,
                kernel_initializer=_start(latent_dim),
                name="dense_first",
            ),
            spatial_basis.FromBasis(self._inner(image_shape), name="basis"),
            *self._blocks(0),
        ]
        pairs = itertools.pairwise(self.widths)
        for index, (before, after) in enumerate(pairs, start=1):
            if before != after:
                stack.append(_pointwise(after, before, name=f"conv_{index}"))
            stack.append(resampling.Doubled(name=f"doubled_{index}"))
            stack += self._blocks(index)
        channels, last = image_shape[2], self.widths[-1]
        stack.append(_pointwise(channels, last, name="conv_image"))
        # tanh(h) in [-1, 1] is sigmoid(2 h) in [0, 1].
        return self._chained([*stack, layers.Rescaling(2.0, name="logits")], name=name)

    def _blocks(self, stage: int) -> Iterator[layers.Layer]:
        """Yields the blocks of a stage."""
        for index in range(self.blocks):
            yield grouped_residual.GroupedResidual(
                expansion=self.expansion,
                group_size=self.group_size,
                depth=self.blocks * len(self.widths),
                name=f"block_{stage}_{index}",
            )

    def _inner(self, image_shape: types.ImageShape) -> tuple[int, int]:
        """Returns height and width of the smallest maps."""
        height, width, _ = image_shape
        factor = 2 ** (len(self.widths) - 1)
        if height % factor or width % factor:
            raise errors.InvalidValue(
                f"With {len(self.widths)} widths, height and width must be divisible "
                f"by {factor}",
                received=f"image_shape={image_shape}",
                do="Use fewer --network.widths",
            )
        return height // factor, width // factor


def _pointwise(filters: int, inputs: int, *, name: str) -> layers.Layer:
    """Returns a 1x1 convolution without bias."""
    return layers.Conv2D(
        filters,
        kernel_size=1,
        use_bias=False,
        kernel_initializer=_start(inputs),
        name=name,
    )


def _start(fan_in: int) -> keras.initializers.Initializer:
    """Returns N(0, 1 / fan_in), which keeps the variance without an activation."""
    return keras.initializers.RandomNormal(stddev=fan_in**-0.5)
