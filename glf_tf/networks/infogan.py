# SPDX-License-Identifier: Apache-2.0
"""The autoencoder of GLF, with the layers of InfoGAN.

Xiao, Yan, Amit: Generative Latent Flow, 2019, table 3. https://arxiv.org/abs/1905.10485
"""

__all__ = ["InfoGAN"]

from typing import Literal

import keras
from keras import layers

from glf_tf import errors, types
from glf_tf.layers import leaky_relu
from glf_tf.networks import halving, network


class InfoGAN(network.AbstractNetwork):
    """Two strided convolutions and two dense layers, and their mirror image.

        encoder: conv 4x4 (filters), ReLU; conv 4x4 (2 filters), BN, ReLU;
                 dense (hidden), BN, ReLU; dense (output_dim)
        decoder: dense (hidden), BN, ReLU; dense (2 filters * M * M), BN, ReLU;
                 transposed conv 4x4 (filters), BN, ReLU; transposed conv 4x4 (channels)

    with strides of 2 and M = size / 4. Weights start from N(0, 0.02^2).

    Deviation: layers before a batch normalisation have no bias, since it would be
    subtracted again; the last activation is that of the paper's table, a sigmoid.

    Args:
        filters: Filters of the outer convolutions.
        hidden: Width of the dense layers.
        slope: What the ReLUs multiply negative values with; 0.2 in GANs.
        precision: Precision of all layers except the last: float32, or bfloat16 or
            float16, which are faster on GPUs and some CPUs.
    """

    def __init__(
        self,
        *,
        filters: int = 64,
        hidden: int = 1024,
        slope: float = 0.0,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
    ):
        super().__init__(precision=precision)
        self.filters, self.hidden, self.slope = filters, hidden, slope
        _check_slope(slope)

    def encoder(
        self, image_shape: types.ImageShape, output_dim: int, *, name: str = "encoder"
    ) -> keras.Model:
        """Returns a new encoder; see `AbstractNetwork`."""
        _check(image_shape)
        return self._chained(
            [
                keras.Input(image_shape, name="image"),
                halving.conv(self.filters, "conv_0", use_bias=True),
                self._relu("relu_0"),
                halving.conv(2 * self.filters, "conv_1", use_bias=False),
                network.batch_norm("norm_1"),
                self._relu("relu_1"),
                layers.Flatten(name="flatten"),
                halving.dense(self.hidden, "dense_2", use_bias=False),
                network.batch_norm("norm_2"),
                self._relu("relu_2"),
                halving.dense(output_dim, "dense_3", use_bias=True),
            ],
            name=name,
        )

    def decoder(
        self, latent_dim: int, image_shape: types.ImageShape, *, name: str = "decoder"
    ) -> keras.Model:
        """Returns a new decoder; see `AbstractNetwork`."""
        _check(image_shape)
        height, width, channels = image_shape
        inner = (height // 4, width // 4, 2 * self.filters)
        return self._chained(
            [
                keras.Input((latent_dim,), name="z"),
                halving.dense(self.hidden, "dense_0", use_bias=False),
                network.batch_norm("norm_0"),
                self._relu("relu_0"),
                halving.dense(
                    inner[0] * inner[1] * inner[2], "dense_1", use_bias=False
                ),
                network.batch_norm("norm_1"),
                self._relu("relu_1"),
                layers.Reshape(inner, name="reshape"),
                halving.deconv(self.filters, "deconv_2", use_bias=False),
                network.batch_norm("norm_2"),
                self._relu("relu_2"),
                halving.deconv(channels, "deconv_3", use_bias=True),
            ],
            name=name,
        )

    def _relu(self, name: str) -> layers.Layer:
        if self.slope:
            return leaky_relu.LeakyReLU(self.slope, name=name)
        return layers.ReLU(name=name)


def _check_slope(slope: float):
    if not 0.0 <= slope < 1.0:
        raise errors.InvalidValue(
            "The slope of a leaky ReLU is at least 0 and below 1",
            received=f"slope={slope}",
            do="Use --network.slope=0.2, or 0 for a ReLU",
        )


def _check(image_shape: types.ImageShape):
    if image_shape[0] % 4 or image_shape[1] % 4:
        raise errors.InvalidValue(
            "The InfoGAN network needs a height and width divisible by 4",
            received=f"image_shape={image_shape}",
            do="Resize or pad the images, or use --network=mlp",
        )
