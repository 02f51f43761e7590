# SPDX-License-Identifier: Apache-2.0
"""Names the frozen layers of a model, so that they are frozen in a copy as well.

A layer of the library is built again from options that do not say whether it trains:
its path in the model says it instead, such as "encoder/dense_last". A user's Keras
layer says it in its own configuration.
"""

__all__ = ["freeze", "frozen", "without_state"]

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras

from glf_tf import naming

Layer = keras.layers.Layer


def frozen(model: keras.Model) -> list[str]:
    """Returns the paths of frozen layers; those within a frozen layer are left out."""
    return list(_frozen(model, ""))


def freeze(model: keras.Model, paths: Iterable[str]) -> None:
    """Freezes layers by their paths; a path that the model lacks is left out."""
    for path in paths:
        found = [model]
        for name in path.split("/"):
            found = [
                inner
                for layer in found
                for inner in layer._layers
                if _name(inner) == name
            ]
        for layer in found:
            layer.trainable = False


def without_state(spec: Any) -> Any:
    """Returns a specification of parts that does not say whether they train."""
    if not isinstance(spec, Mapping) or spec.get("name") in (None, "keras"):
        return spec
    return {
        key: without_state(value) for key, value in spec.items() if key != "trainable"
    }


def _frozen(layer: Layer, path: str) -> Iterator[str]:
    for inner in layer._layers:
        if not _is_own(inner):
            continue
        if not inner.trainable:
            yield f"{path}{_name(inner)}"
        elif not _is_adopted(inner):
            yield from _frozen(inner, f"{path}{_name(inner)}/")


def _name(layer: Layer) -> str:
    """Returns a part's role in its model, or a layer's name."""
    return getattr(layer, "_role", layer.name)


def _is_own(layer: Layer) -> bool:
    """Returns whether the library or a plug-in's part made a layer, and named it."""
    return not _is_adopted(layer) or hasattr(layer, "part_kind")


def _is_adopted(layer: Layer) -> bool:
    is_given = hasattr(layer, "_role") and not hasattr(layer, "_is_made")
    return is_given and not naming.is_ours(type(layer))
