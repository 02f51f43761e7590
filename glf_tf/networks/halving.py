# SPDX-License-Identifier: Apache-2.0
"""The layers of networks that halve an image's side: as those of GANs start."""

__all__ = ["conv", "deconv", "dense"]

import keras
from keras import layers

from glf_tf.layers import biased
from glf_tf.networks import transposed


def conv(filters: int, name: str, *, use_bias: bool) -> layers.Layer:
    """Returns a 4x4 convolution to half the height and width."""
    return biased.BiasedConv(
        filters,
        kernel_size=4,
        strides=2,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=_start(),
        name=name,
    )


def deconv(filters: int, name: str, *, use_bias: bool) -> layers.Layer:
    """Returns a 4x4 transposed convolution to twice the height and width."""
    return transposed.Upsampling(
        filters, use_bias=use_bias, kernel_initializer=_start(), name=name
    )


def dense(units: int, name: str, *, use_bias: bool) -> layers.Layer:
    """Returns a dense layer."""
    return layers.Dense(
        units, use_bias=use_bias, kernel_initializer=_start(), name=name
    )


def _start() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=0.02)
