# SPDX-License-Identifier: Apache-2.0
"""Encoders and decoders of models: of a network family, or a user's layers."""

__all__ = [
    "Sizes",
    "apply",
    "generator",
    "made",
    "make_decoder",
    "make_encoder",
    "settled_dim",
]

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import keras
import tensorflow as tf

from glf_tf import catalogue, errors, foreign, naming, parts, types
from glf_tf.layers import adapters, never_empty
from glf_tf.networks import network as network_lib

Output = Literal["auto", "logits", "images"]
"""Kinds of output of a user's decoder; see `layers.endings` for "auto"."""

Coder = network_lib.AbstractNetwork | keras.layers.Layer


class Sizes(NamedTuple):
    """The size of an encoder's output: `per_latent * latent_dim + extra`."""

    per_latent: int = 1
    extra: int = 0

    def code_dim(self, latent_dim: int) -> int:
        """Returns the size of a code."""
        return self.per_latent * latent_dim + self.extra


def apply(layer: keras.layers.Layer, x: tf.Tensor, *, training: bool) -> tf.Tensor:
    """Returns the output of an encoder or decoder, also of no examples.

    Training, which always has some, calls the layer as it is.
    """
    if training:
        return layer(x, training=training)
    return never_empty.apply(lambda x: layer(x, training=False), x)


def made(value: Any) -> Coder | None:
    """Returns a layer or a network from an object, specification or name.

    Args:
        value: A Keras layer; its `foreign.specification`; the name of a class of
            layers, such as `module:Class`, with or without options; or a network, of
            which one half is used. None is returned as it is.

    Raises:
        InvalidType: It is none of these.
        InvalidValue: It cannot be built.
    """
    if value is None:
        return None
    if isinstance(value, keras.layers.Layer) and not isinstance(value, parts.Part):
        foreign.warn_of(value)
        return value
    if not isinstance(value, (str, Mapping)):
        return parts.make("network", value)
    if foreign.is_layer(value):
        return foreign.make(value)
    return catalogue.build("network", value)


def make_encoder(
    given: Coder,
    *,
    image_shape: types.ImageShape,
    sizes: Sizes,
    latent_dim: int,
) -> keras.layers.Layer:
    """Returns an encoder, `[batch, *image_shape]` to `[batch, code_dim]`.

    Raises:
        InvalidValue: Its output has another size.
    """
    code_dim = sizes.code_dim(latent_dim)
    if isinstance(given, network_lib.AbstractNetwork):
        encoder = given.encoder(image_shape, code_dim)
        return naming.made_by(given, encoder, role="encoder")
    if given.code_dim != code_dim or (given.is_pair and sizes != (2, 0)):
        raise _wrong_codes(given, sizes=sizes, latent_dim=latent_dim)
    return given


def make_decoder(
    given: Coder, *, latent_dim: int, image_shape: types.ImageShape, output: Output
) -> keras.layers.Layer:
    """Returns a decoder, `[batch, latent_dim]` to pixel logits.

    Raises:
        InvalidValue: Its input or output has another shape, or `output` is given for
            a network.
    """
    if isinstance(given, network_lib.AbstractNetwork):
        if output != "auto":
            raise errors.InvalidValue(
                "`decoder_output` tells the output of a Keras layer as decoder",
                received=f"decoder_output={output!r} and no such decoder",
                do="Pass decoder, or omit decoder_output",
            )
        decoder = given.decoder(latent_dim, image_shape)
        return naming.made_by(given, decoder, role="decoder")
    return adapters.Decoder(
        given, latent_dim=latent_dim, image_shape=image_shape, output=output
    )


def generator(
    model: parts.Part,
    *,
    latent_dim: int,
    network: Any,
    decoder: Any,
    output: Output,
) -> tuple[keras.layers.Layer, int]:
    """Returns the decoder of a model without encoder, and the size of latents.

    Args:
        model: The model, with its `image_shape`.
        latent_dim: The constructor's argument.
        network: The family of the decoder, unless one is given.
        decoder: Another decoder, or None.
        output: The kind of its output, if it is a Keras layer.

    Raises:
        InvalidType: One of them is not a part.
        InvalidValue: They contradict each other.
    """
    other = made(decoder)
    latent_dim = settled_dim(latent_dim, model, decoder=other)
    parts.settle(model, decoder=other, latent_dim=latent_dim)
    built = make_decoder(
        other or parts.make("network", network),
        latent_dim=latent_dim,
        image_shape=model.image_shape,
        output=output,
    )
    return built, latent_dim


def settled_dim(
    default: int,
    model: parts.Part,
    *,
    encoder: Coder | None = None,
    decoder: Coder | None = None,
    sizes: Sizes | None = None,
) -> int:
    """Returns the size of the latents: the given one, that of the parts, or `default`.

    Args:
        default: The constructor's argument, which may be its default.
        model: The model, whose arguments may be objects with a size.
        encoder: Its encoder, if it is a user's.
        decoder: Its decoder, if it is a user's.
        sizes: The sizes of the encoder's output, if there is an encoder.

    Raises:
        InvalidValue: They contradict each other.
    """
    default = int(default)  # Keras takes no integers of NumPy
    found = {"latent_dim": default} if "latent_dim" in parts.given_to(model) else {}
    for name, value in parts.arguments_of(model).items():
        if isinstance(value, parts.Part) and value.part_kind in ("flow", "prior"):
            size = "event_dim" if value.part_kind == "flow" else "latent_dim"
            found[name] = getattr(value, size)
    if isinstance(encoder, adapters.Encoder):
        found["encoder"] = _latents_of(encoder, sizes=sizes or Sizes())
    taken = getattr(decoder, "input_shape", None)
    if isinstance(decoder, keras.layers.Layer) and isinstance(taken, tuple):
        found["decoder"] = taken[-1]
    if len(set(found.values())) > 1:
        raise errors.InvalidValue(
            "All parts of a model must have the same size of latents",
            received=", ".join(f"{name}: {size}" for name, size in found.items()),
            do="Build them for the same size, and pass it as latent_dim or omit it",
        )
    return next(iter(found.values()), default)


def _latents_of(encoder: adapters.Encoder, *, sizes: Sizes) -> int:
    latents, rest = divmod(encoder.code_dim - sizes.extra, sizes.per_latent)
    if rest or latents < 1:
        raise _wrong_codes(encoder, sizes=sizes, latent_dim=None)
    return latents


def _wrong_codes(
    encoder: adapters.Encoder, *, sizes: Sizes, latent_dim: int | None
) -> errors.InvalidValue:
    per = "" if sizes.per_latent == 1 else f"{sizes.per_latent} * "
    extra = f" + {sizes.extra}" if sizes.extra else ""
    pairs = ", or means and log-variances" if sizes == (2, 0) else " in one output"
    size = "" if latent_dim is None else f" with latent_dim={latent_dim}"
    outputs = "two outputs" if encoder.is_pair else "one output"
    return errors.InvalidValue(
        f"The encoder of this model must return {per}latent_dim{extra} numbers{pairs}",
        received=f"{encoder.code_dim} in {outputs}{size}",
        do="Change the size of its last layer",
    )
