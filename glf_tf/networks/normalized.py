# SPDX-License-Identifier: Apache-2.0
"""Networks with another normalisation than the one that they were made with.

Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial
Networks, 2018. https://arxiv.org/abs/1802.05957
"""

__all__ = ["Norm", "couples_images", "is_spectral", "renormalized"]

from typing import Literal

import keras
from keras import layers

from glf_tf.layers import minibatch_deviation, spectral

Norm = Literal["none", "batch", "spectral"]
"""Normalisations of a critic."""


def renormalized(
    model: keras.Model, *, norm: Norm, has_last_bias: bool = True
) -> keras.Model:
    """Returns a network with the normalisation that is asked for.

        batch      as it is, with what batch normalisation its family has
        none       without batch normalisation; all layers get a bias instead
        spectral   as "none", and every kernel is divided by its spectral norm

    Args:
        model: A sequential or functional model, which is used up.
        norm: The normalisation.
        has_last_bias: Whether the last layer keeps its bias.
    """
    keeps_norm = norm == "batch" or not _has(model, layers.BatchNormalization)
    last = None if has_last_bias else model.layers[-1]

    def clone(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config()
        if isinstance(layer, layers.BatchNormalization) and not keeps_norm:
            return layers.Identity(name=layer.name, dtype=layer.dtype_policy.name)
        if "use_bias" in config and (layer is last or not keeps_norm):
            config["use_bias"] = layer is not last
        return type(layer).from_config(config)

    if last is not None or not keeps_norm:
        model = keras.models.clone_model(model, clone_function=clone)
    return spectral.normalized(model) if norm == "spectral" else model


def couples_images(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer's outputs depend on the other images of a batch.

    That is, whether it has batch normalisation, or statistics of minibatches.
    """
    return _has(layer, _COUPLING)


def is_spectral(layer: keras.layers.Layer) -> bool:
    """Returns whether all matrices of a layer are divided by their spectral norms.

    By ours or by Keras' own wrapper.
    """
    inner = list(layer._flatten_layers())
    wrappers = [found for found in inner if isinstance(found, _SPECTRAL)]
    # Keras' wrapper has the kernel as its own variable, too.
    normal = {id(found) for found in (*wrappers, *(outer.layer for outer in wrappers))}
    return all(
        id(found) in normal
        for found in inner
        if any(len(variable.shape) > 1 for variable in found._trainable_variables)
    )


_SPECTRAL = (spectral.SpectralNormalized, layers.SpectralNormalization)

_COUPLING = (layers.BatchNormalization, minibatch_deviation.MinibatchDeviation)


def _has(layer: keras.layers.Layer, kinds: type | tuple[type, ...]) -> bool:
    return any(isinstance(inner, kinds) for inner in layer._flatten_layers())
