# SPDX-License-Identifier: Apache-2.0
"""Critics of images: of a network family, or a user's layers."""

__all__ = ["check_penalty", "make"]

from typing import Any

import keras

from glf_tf import errors, naming, parts, types
from glf_tf.layers import adapters, endings, minibatch_deviation
from glf_tf.models import coders
from glf_tf.networks import network as network_lib
from glf_tf.networks import normalized

_PROBABILITIES = ("sigmoid", "hard_sigmoid", "log_sigmoid", "softmax")


def make(
    model: parts.Part,
    *,
    network: types.Network,
    critic: Any,
    norm: normalized.Norm = "none",
    has_last_bias: bool = True,
    has_deviation: bool = False,
) -> keras.layers.Layer:
    """Returns a critic, `[batch, *image_shape]` to one score, `[batch, 1]`.

    It is the encoder of a family with one output.

    Args:
        model: The model, with its `image_shape`.
        network: The family, unless another critic is given.
        critic: Another family, or a Keras layer that returns one number; or None.
        norm: The normalisation of a family's layers.
        has_last_bias: Whether the last layer of a family's has a bias.
        has_deviation: Whether a family's sees how much the images of a batch differ.

    Raises:
        InvalidType: One of them is no part.
        InvalidValue: A user's layer returns something else, or a probability.
        Unsupported: A user's layer shall have another normalisation, or a layer that is
            no sequence the statistic of its batches.
    """
    other = coders.made(critic)
    parts.settle(model, critic=other)
    if other is None or isinstance(other, network_lib.AbstractNetwork):
        family = other or parts.make("network", network)
        layer = family.encoder(model.image_shape, 1, name="critic")
        layer = _with_deviation(layer) if has_deviation else layer
        how = {"norm": norm, "has_last_bias": has_last_bias}
        layer = normalized.renormalized(layer, **how)
        return naming.made_by(family, layer, role="critic")
    _check_own(other, norm=norm, has_deviation=has_deviation)
    own = adapters.Critic(other, image_shape=model.image_shape)
    _check_end(other)
    return own


def _with_deviation(model: keras.Model) -> keras.Model:
    """Returns a network that also sees the deviation of its features over the batch.

    They are those before the last layer but one, so that what is told of the number is
    not linear.
    """
    if type(model) is not keras.Sequential:
        raise errors.Unsupported(
            "`critic_deviation` is of networks that are a sequence of layers",
            received=f"{type(model).__name__} {model.name}",
            do="Use another network, or leave critic_deviation",
        )
    places = [
        place
        for place, layer in enumerate(model.layers)
        if any(len(weight.shape) > 1 for weight in layer.trainable_weights)
    ]
    copies = [type(layer).from_config(layer.get_config()) for layer in model.layers]
    copies.insert(
        places[-2:][0], minibatch_deviation.MinibatchDeviation(name="deviation")
    )
    image = keras.Input(model.input_shape[1:], name="image")
    return keras.Sequential([image, *copies], name=model.name)


def _check_own(
    layer: keras.layers.Layer, *, norm: normalized.Norm, has_deviation: bool
) -> None:
    if has_deviation:
        raise errors.Unsupported(
            "`critic_deviation` is of critics that a network family makes",
            received=f"critic_deviation for a {type(layer).__name__}",
            do="Put a layers.minibatch_deviation.MinibatchDeviation into it",
        )
    if norm != "none":
        raise errors.Unsupported(
            "`critic_norm` is of critics that a network family makes",
            received=f"critic_norm={norm} for a {type(layer).__name__}",
            do="Normalise its own layers, and leave critic_norm at none",
        )


def _check_end(layer: keras.layers.Layer) -> None:
    """Checks that a critic's end shows no probability, of which losses make nothing."""
    end = endings.last_activation(layer)
    if end in _PROBABILITIES:
        raise errors.InvalidValue(
            "A critic returns a score, any number: the losses that need a probability "
            "take its sigmoid themselves",
            received=f"{type(layer).__name__} that ends in {end}",
            do="End it without activation; on_probability=True makes least squares and "
            "penalties those of the sigmoid",
        )


def check_penalty(critic: keras.layers.Layer, *, penalty: str) -> None:
    """Checks that a critic's score of an image depends on no other image.

    Raises:
        Unsupported: It has batch normalisation, or a statistic of its batches.
    """
    if normalized.couples_images(critic):
        raise errors.Unsupported(
            "A penalty on the critic's gradient is one for each image, which batch "
            "normalisation and statistics couple to all others of the batch",
            received=f"penalty={penalty} and a critic with one of them",
            do="Use --critic_norm=none or spectral, and --nocritic_deviation",
        )
