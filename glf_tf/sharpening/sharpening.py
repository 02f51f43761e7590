# SPDX-License-Identifier: Apache-2.0
"""The base class of ways of sharpening: a stage in which the decoder alone goes on."""

__all__ = ["AbstractSharpening", "Decoding"]

import abc
import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from glf_tf import parts, types
from glf_tf.training import stages


@dataclasses.dataclass(frozen=True)
class Decoding:
    """What a model gives to its sharpening.

    Attributes:
        decoder: Its decoder, latents to pixel logits.
        latents: The latents of a batch's images, `latents(batch, *, seed)`, `[batch,
            latent_dim]`, from what was cached of them.
    """

    decoder: keras.layers.Layer
    latents: Callable[..., tf.Tensor]


class AbstractSharpening(parts.Part, keras.layers.Layer, abc.ABC):
    """Updates of a decoder, against images, on codes that stay as they are.

    The encoder and the density of latents are in no group: what was learned and fitted
    before is not moved.

    Attributes:
        alone: Whether it is the model's only stage.
        draws: Whether batches need "drawn", latents drawn from the prior.
    """

    part_kind = "sharpening"
    draws = False

    def __init__(self, image_shape: types.ImageShape, *, alone: bool = False, **kwargs):
        """Initializes the sharpening.

        Args:
            image_shape: (height, width, channels).
            alone: Whether it is the model's only stage, for a model whose training is
                finished.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        kwargs.setdefault("name", "sharpening")
        super().__init__(**kwargs)
        self.image_shape, self.alone = tuple(image_shape), alone

    @abc.abstractmethod
    def updates(self, decoding: Decoding) -> tuple[stages.Update, ...]:
        """Returns the updates of a step, in order.

        Their batches have "image", what the model has cached of its codes, and "drawn"
        `[batch, latent_dim]` if it `draws`.
        """
