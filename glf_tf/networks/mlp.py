# SPDX-License-Identifier: Apache-2.0
"""The multilayer perceptrons of the GLF slides: 784-200-200-40 and its mirror image."""

__all__ = ["MLP"]

import math
from typing import Literal

import keras
from keras import layers

from glf_tf import errors, types
from glf_tf.networks import network


class MLP(network.AbstractNetwork):
    """Dense layers with ReLU between them, for images of any size.

    Args:
        hidden: Widths of the encoder's hidden layers; the decoder has them in reverse.
        precision: Precision of all layers except the last: float32, or bfloat16 or
            float16, which are faster on GPUs and some CPUs.
    """

    def __init__(
        self,
        *,
        hidden: tuple[int, ...] = (200, 200),
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
    ):
        super().__init__(precision=precision)
        self.hidden = tuple(map(int, hidden))
        if not self.hidden or min(self.hidden) < 1:
            raise errors.InvalidValue(
                "The widths of an MLP must be positive, and at least one",
                received=f"hidden={self.hidden}",
                do="Use for instance --network.hidden=200,200",
            )

    def encoder(
        self, image_shape: types.ImageShape, output_dim: int, *, name: str = "encoder"
    ) -> keras.Model:
        """Returns a new encoder; see `AbstractNetwork`."""
        return self._chained(
            [
                keras.Input(image_shape, name="image"),
                layers.Flatten(name="flatten"),
                *_hidden(self.hidden),
                layers.Dense(output_dim, name="dense_last"),
            ],
            name=name,
        )

    def decoder(
        self, latent_dim: int, image_shape: types.ImageShape, *, name: str = "decoder"
    ) -> keras.Model:
        """Returns a new decoder; see `AbstractNetwork`."""
        return self._chained(
            [
                keras.Input((latent_dim,), name="z"),
                *_hidden(self.hidden[::-1]),
                layers.Dense(math.prod(image_shape), name="dense_last"),
                layers.Reshape(image_shape, name="reshape"),
            ],
            name=name,
        )


def _hidden(widths: tuple[int, ...]) -> list[layers.Layer]:
    return [
        layers.Dense(width, activation="relu", name=f"dense_{index}")
        for index, width in enumerate(widths)
    ]
