# SPDX-License-Identifier: Apache-2.0
"""Moving moments of batch normalisation: which there are, and how long they last."""

__all__ = ["layers_of", "of_group", "batches_of"]

import math
from collections.abc import Iterator

import keras

from glf_tf.training import stages as stages_lib

_FORGOTTEN = 0.01
"""Weight that old moments have at most, once they are counted anew."""

_MOST_BATCHES = 500

_OF_LAYERS = ("moving_mean", "moving_variance", "momentum")
"""What Keras' batch normalisation and that of flows have."""


def layers_of(group: stages_lib.Group) -> Iterator[keras.layers.Layer]:
    """Returns the layers of a group that have moving moments."""
    for layer in group.layers:
        for inner in layer._flatten_layers():
            if all(hasattr(inner, name) for name in _OF_LAYERS):
                yield inner


def of_group(group: stages_lib.Group) -> list[keras.Variable]:
    """Returns the moving moments of the layers of a group."""
    return [
        moment
        for layer in layers_of(group)
        for moment in (layer.moving_mean, layer.moving_variance)
    ]


def batches_of(layer: keras.layers.Layer) -> int:
    """Returns in how many batches a layer forgets its old moments."""
    momentum = min(max(float(layer.momentum), 1e-6), 1.0 - 1e-6)
    return min(_MOST_BATCHES, math.ceil(math.log(_FORGOTTEN) / math.log(momentum)))
