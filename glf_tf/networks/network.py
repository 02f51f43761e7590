# SPDX-License-Identifier: Apache-2.0
"""What every network family is: a maker of encoders and decoders that fit together."""

__all__ = ["AbstractNetwork", "batch_norm"]

import abc

import keras

from glf_tf import normalization, types


class AbstractNetwork(abc.ABC):
    """A family of networks; its options are its constructor's keywords.

    An encoder maps images in [0, 1] to vectors. A decoder maps latents to *pixel
    logits*: `sigmoid(logits)` is the image, and the Bernoulli loss needs no logarithm
    of it.
    """

    @abc.abstractmethod
    def encoder(
        self, image_shape: types.ImageShape, output_dim: int, *, name: str = "encoder"
    ) -> keras.Model:
        """Returns a new encoder, `[batch, *image_shape]` to `[batch, output_dim]`.

        Raises:
            InvalidValue: The family has no encoder for this image size.
        """

    @abc.abstractmethod
    def decoder(
        self, latent_dim: int, image_shape: types.ImageShape, *, name: str = "decoder"
    ) -> keras.Model:
        """Returns a new decoder, `[batch, latent_dim]` to `[batch, *image_shape]`.

        Raises:
            InvalidValue: The family has no decoder for this image size.
        """


def batch_norm(name: str) -> keras.layers.Layer:
    """Returns a batch normalisation over the batch of all replicas."""
    return normalization.BatchNorm(name=name)
