# SPDX-License-Identifier: Apache-2.0
"""The base class of network families, which build matching encoders and decoders."""

__all__ = ["AbstractNetwork", "batch_norm"]

import abc
from collections.abc import Iterable

import keras

from glf_tf import errors, parts, types
from glf_tf.layers import normalization


class AbstractNetwork(parts.Part, abc.ABC):
    """A family of networks; its options are its constructor's keywords.

    An encoder maps images in [0, 1] to vectors. A decoder maps latents to *pixel
    logits*: `sigmoid(logits)` is the image, and the Bernoulli loss needs no logarithm
    of it.

    Weights and the last layer are float32 in every precision, so that the inputs of
    flows and likelihoods are not rounded.

    Args:
        precision: Precision of all layers except the last: float32, bfloat16 or
            float16.
    """

    part_kind = "network"

    def __init__(self, *, precision: str = "float32"):
        if precision not in _POLICIES:
            raise errors.InvalidValue(
                "The precision of a network must be a known one",
                received=f"precision={precision}",
                do=errors.suggestion(precision, _POLICIES),
            )
        self.precision = precision

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

    @property
    def policy(self) -> str:
        """Keras' name of the precision of all layers except the last."""
        return _POLICIES[self.precision]

    def _chained(self, stack: Iterable, *, name: str) -> keras.Model:
        """Returns a sequential model of layers, of which the first is an input."""
        stack = list(stack)
        last = max(
            i for i, layer in enumerate(stack) if hasattr(layer, "kernel_regularizer")
        )
        for layer in stack[1:last]:
            layer.dtype_policy = self.policy
        return keras.Sequential(stack, name=name)


_POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


def batch_norm(name: str) -> keras.layers.Layer:
    """Returns a batch normalisation over the batch of all replicas."""
    return normalization.BatchNorm(name=name)
