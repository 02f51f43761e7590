# SPDX-License-Identifier: Apache-2.0
"""Critics of images: of a network family, or a user's layers."""

__all__ = ["check_penalty", "make"]

from typing import Any

import keras

from glf_tf import errors, naming, parts, types
from glf_tf.layers import adapters
from glf_tf.models import coders
from glf_tf.networks import network as network_lib
from glf_tf.networks import normalized


def make(
    model: parts.Part,
    *,
    network: types.Network,
    critic: Any,
    norm: normalized.Norm,
    has_last_bias: bool,
) -> keras.layers.Layer:
    """Returns a critic, `[batch, *image_shape]` to one score, `[batch, 1]`.

    It is the encoder of a family with one output.

    Args:
        model: The model, with its `image_shape`.
        network: The family, unless another critic is given.
        critic: Another family, or a Keras layer that returns one number; or None.
        norm: The normalisation of a family's layers.
        has_last_bias: Whether the last layer of a family's has a bias.

    Raises:
        InvalidType: One of them is no part.
        InvalidValue: A user's layer returns several numbers.
        Unsupported: A user's layer shall have another normalisation.
    """
    other = coders.made(critic)
    parts.settle(model, critic=other)
    if other is None or isinstance(other, network_lib.AbstractNetwork):
        family = other or parts.make("network", network)
        layer = family.encoder(model.image_shape, 1, name="critic")
        how = {"norm": norm, "has_last_bias": has_last_bias}
        layer = normalized.renormalized(layer, **how)
        return naming.made_by(family, layer, role="critic")
    _check_own(other, norm=norm)
    own = adapters.Encoder(other, image_shape=model.image_shape, name="critic")
    if own.code_dim != 1:
        raise errors.InvalidValue(
            "A critic returns one score for an image, [batch, 1]",
            received=f"{own.code_dim} numbers",
            do="End it with Dense(1)",
        )
    return own


def _check_own(layer: keras.layers.Layer, *, norm: normalized.Norm) -> None:
    if norm != "none":
        raise errors.Unsupported(
            "`critic_norm` is of critics that a network family makes",
            received=f"critic_norm={norm} for a {type(layer).__name__}",
            do="Normalise its own layers, and leave critic_norm at none",
        )


def check_penalty(critic: keras.layers.Layer, *, penalty: str) -> None:
    """Checks that a critic's score of an image depends on no other image.

    Raises:
        Unsupported: It has batch normalisation.
    """
    if normalized.couples_images(critic):
        raise errors.Unsupported(
            "A penalty on the critic's gradient is one for each image, which batch "
            "normalisation couples to all others of the batch",
            received=f"penalty={penalty} and a critic with batch normalisation",
            do="Use --critic_norm=none or spectral",
        )
