# SPDX-License-Identifier: Apache-2.0
"""The encoder and the generator of a BiGAN that detects anomalies in MNIST.

Zenati, Foo, Lecouat, Manek, Chandrasekhar: Efficient GAN-Based Anomaly Detection, 2018,
and its code. https://arxiv.org/abs/1802.06222
"""

__all__ = ["EGBAD"]

from typing import Literal

import keras
from keras import layers

from glf_tf import types
from glf_tf.layers import biased, leaky_relu
from glf_tf.networks import halving, infogan, network

_SLOPE = 0.1


class EGBAD(network.AbstractNetwork):
    """Three convolutions and a dense layer; the decoder is that of `infogan`.

        encoder: conv 3x3 (filters), leaky ReLU; conv 3x3 of stride 2 (2 filters), BN,
                 leaky ReLU; conv 3x3 of stride 2 (4 filters), BN, leaky ReLU;
                 dense (output_dim)
        decoder: `infogan.InfoGAN` with 2 filters and `hidden`

    Leaky ReLUs have the slope 0.1; weights start from N(0, 0.02^2).

    Deviation: layers before a batch normalisation have no bias, since it would be
        subtracted again; pixels are in [0, 1], where the code has [-1, 1].

    Args:
        filters: Filters of the encoder's first convolution.
        hidden: Width of the decoder's first dense layer.
        precision: Precision of all layers except the last: float32, or bfloat16 or
            float16, which are faster on GPUs and some CPUs.
    """

    def __init__(
        self,
        *,
        filters: int = 32,
        hidden: int = 1024,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
    ):
        super().__init__(precision=precision)
        self.filters = filters
        self._mirror = infogan.InfoGAN(
            filters=2 * filters, hidden=hidden, precision=precision
        )

    def encoder(
        self, image_shape: types.ImageShape, output_dim: int, *, name: str = "encoder"
    ) -> keras.Model:
        """Returns a new encoder; see `AbstractNetwork`."""
        stack = [keras.Input(image_shape, name="image")]
        for index in range(3):
            stack.append(_conv(self.filters * 2**index, index=index))
            if index:
                stack.append(network.batch_norm(f"norm_{index}"))
            stack.append(leaky_relu.LeakyReLU(_SLOPE, name=f"relu_{index}"))
        stack.append(layers.Flatten(name="flatten"))
        stack.append(halving.dense(output_dim, "dense_last", use_bias=True))
        return self._chained(stack, name=name)

    def decoder(
        self, latent_dim: int, image_shape: types.ImageShape, *, name: str = "decoder"
    ) -> keras.Model:
        """Returns a new decoder; see `AbstractNetwork`."""
        return self._mirror.decoder(latent_dim, image_shape, name=name)


def _conv(filters: int, *, index: int) -> layers.Layer:
    """Returns a convolution that halves the image unless it is the first."""
    return biased.BiasedConv(
        filters,
        kernel_size=3,
        strides=2 if index else 1,
        padding="same",
        use_bias=not index,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
        name=f"conv_{index}",
    )
