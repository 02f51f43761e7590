# SPDX-License-Identifier: Apache-2.0
"""What a user's decoder returns: images in [0, 1], or pixel logits.

It is proved from the layers at its end, or it is refused: a sigmoid that is missed
would be applied twice, and nothing in the training would show it.
"""

__all__ = ["gives_images", "last_activation", "settled"]

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from glf_tf import errors

_ENDS = (
    layers.Activation,
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.Dense,
    layers.DepthwiseConv2D,
    layers.EinsumDense,
    layers.SeparableConv2D,
)
"""Layers whose `activation` is the last thing that they compute."""

_PASSES = (
    layers.Cropping2D,
    layers.Flatten,
    layers.Identity,
    layers.Permute,
    layers.Reshape,
    layers.UpSampling2D,
)
"""Layers that keep values in their range."""

_IMAGES, _LOGITS = ("sigmoid", "hard_sigmoid"), "linear"
_OUTPUTS = ("auto", "logits", "images")
_PROBES = 16


def settled(output: str, layer: keras.layers.Layer, *, latent_dim: int) -> bool:
    """Returns whether a decoder returns images, as its user says or its end shows.

    Args:
        output: "auto", "logits" or "images".
        layer: The decoder, which is built.
        latent_dim: Size of the latents.

    Raises:
        InvalidValue: It is none of the three, the end does not show it, or what shall
            be images is outside of [0, 1].
    """
    if output not in _OUTPUTS:
        raise errors.InvalidValue(
            "The output of a decoder is auto, logits or images",
            received=f"decoder_output={output!r}",
            do=errors.suggestion(str(output), _OUTPUTS),
        )
    if output == "images":
        _check_images(layer, latent_dim=latent_dim)
    return output == "images" or (output == "auto" and gives_images(layer))


def gives_images(layer: keras.layers.Layer) -> bool:
    """Returns whether a decoder returns images in [0, 1], and not pixel logits.

    Args:
        layer: A Keras layer that is built. Decided are those of Keras, and `Sequential`
            and functional models that end in one: with a sigmoid they return images,
            without activation logits. Layers that keep values, such as `Reshape`, may
            follow.

    Raises:
        InvalidValue: Its end is another one.
    """
    found = last_activation(layer)
    if found in (*_IMAGES, _LOGITS):
        return found in _IMAGES
    raise errors.InvalidValue(
        "A decoder returns pixel logits, or images by a sigmoid, and its last layer "
        "must show which",
        received=f"{type(layer).__name__} that ends in {found or 'no activation'}",
        do='Pass decoder_output="images" or decoder_output="logits"',
    )


def _check_images(layer: keras.layers.Layer, *, latent_dim: int) -> None:
    """Checks a few outputs of a decoder whose user says that it returns images.

    Args:
        layer: The decoder, which is built.
        latent_dim: Size of the latents, which are drawn from N(0, I).

    Raises:
        InvalidValue: A value is outside of [0, 1].
    """
    if not tf.executing_eagerly():
        return
    z = tf.random.stateless_normal([_PROBES, latent_dim], (0, 0))
    values = np.asarray(tf.cast(layer(z, training=False), tf.float32))
    if not (np.min(values) >= 0.0 and np.max(values) <= 1.0):
        raise errors.InvalidValue(
            'A decoder with decoder_output="images" returns values in [0, 1]',
            received=f"{type(layer).__name__} with values from {np.min(values):.3g} to "
            f"{np.max(values):.3g}",
            do='End it in a sigmoid, or pass decoder_output="logits"',
        )


def last_activation(layer: object) -> str | None:
    """Returns the name of the last activation, or of the layer that is not known.

    None if all layers keep the values they are given.

    Args:
        layer: A Keras layer that is built.
    """
    if type(layer) in _PASSES or type(layer) is layers.InputLayer:
        return None
    if type(layer) in _ENDS:
        name = _name_of(layer.activation)
        is_nothing = type(layer) is layers.Activation and name == _LOGITS
        return None if is_nothing else name
    if type(layer) is keras.Sequential:
        found = (last_activation(inner) for inner in reversed(layer.layers))
        return next((name for name in found if name is not None), None)
    if _is_of_keras(layer, "Functional"):
        return _activation_before(layer.outputs[0])
    return "sigmoid" if _is_of_keras(layer, "Sigmoid") else f"a {type(layer).__name__}"


def _activation_before(tensor: keras.KerasTensor) -> str | None:
    """Returns `last_activation` of the layers before a functional model's tensor."""
    operation, index, _ = tensor._keras_history
    found = last_activation(operation)
    given = operation._inbound_nodes[index].input_tensors
    if found is not None or not given:
        return found
    return _activation_before(given[0])


def _is_of_keras(layer: object, name: str) -> bool:
    """Returns whether it is of one of Keras' classes that have no public name."""
    cls = type(layer)
    return cls.__module__.startswith("keras.") and cls.__name__ == name


def _name_of(activation: object) -> str:
    """Returns the name of an activation of Keras'; "a function" for any other."""
    name = getattr(activation, "__name__", "")
    is_keras = getattr(keras.activations, name, None) is activation
    return name if is_keras else "a function"
