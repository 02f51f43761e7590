# SPDX-License-Identifier: Apache-2.0
"""Specifications of users' Keras layers: `{"name": "keras", "config": {...}}`.

The configuration is that of Keras. Classes that are not registered with Keras are
listed under `classes` by module and name, and imported from there.
"""

__all__ = ["is_layer", "make", "reason", "specification", "warn_of"]

import collections
import copy
import re
from collections.abc import Mapping
from typing import Any

import keras
from absl import logging

from glf_tf import catalogue, errors

_NAME, _Layer = "keras", keras.layers.Layer
_HOLDING_NAMES = ("name", "keras_history", "input_layers", "output_layers")

_FRAME = re.compile(
    r"^Exception encountered when calling|^Arguments received by|Error encountered:$"
)
"""What stands before and after the reason in Keras' errors."""


def is_layer(spec: str | Mapping) -> bool:
    """Returns whether a specification is that of a Keras layer."""
    return not isinstance(spec, str) and spec.get("name") == _NAME


def specification(layer: keras.layers.Layer) -> dict:
    """Returns the specification of a layer, in JSON values.

    Raises:
        InvalidValue: It has no configuration, or its class cannot be imported.
    """
    inner = layer._flatten_layers()
    unknown = {type(layer) for layer in inner if not _is_known(type(layer))}
    try:
        config = keras.saving.serialize_keras_object(layer)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise errors.InvalidValue(
            "A layer is saved by its `get_config`",
            received=f"{type(layer).__name__}: {reason(error)}",
            do="Give its class a get_config that returns the constructor's arguments",
        ) from error
    config.pop("compile_config", None)  # loss and optimiser are not used here
    places = {kind.__name__: _place(kind) for kind in sorted(unknown, key=str)}
    config = _renamed(config, _counted_anew(inner))
    return {"name": _NAME, "config": config, **({"classes": places} if places else {})}


def make(spec: Mapping) -> keras.layers.Layer:
    """Returns a new layer with new weights from its specification.

    Raises:
        InvalidValue: It cannot be built.
    """
    try:
        places = spec.get("classes", {})
        known = {name: _layer_class(place) for name, place in places.items()}
        # Keras changes what it reads.
        config = copy.deepcopy(spec["config"])
        made = keras.saving.deserialize_keras_object(config, custom_objects=known)
        if not isinstance(made, _Layer):
            raise TypeError(f"a configuration of no layer: {spec['config']}")
        return made
    except errors.UserError:
        raise
    except Exception as error:  # the user's constructor may raise any
        raise errors.InvalidValue(
            "A user's layer is built from its configuration and classes",
            received=reason(error),
            do="Import the module that registers its classes with "
            "keras.saving.register_keras_serializable",
        ) from error


def reason(error: Exception) -> str:
    """Returns why Keras refuses something, as one line.

    Keras frames the reason by the call that failed, its arguments, and colours.
    """
    text = re.sub(r"\x1b\[\d*m", "", str(error)).split(" Full object config")[0]
    paragraphs = [" ".join(lines.split()) for lines in text.split("\n\n")]
    told = [line for line in paragraphs if line and not _FRAME.search(line)]
    lines = told or [line for line in paragraphs if line] or [type(error).__name__]
    return lines[0].rstrip(".")


def warn_of(layer: keras.layers.Layer) -> None:
    """Warns of what a saved file or a run's folder could not be loaded with."""
    for inner in layer._flatten_layers():
        functions = (getattr(inner, name, None) for name in ("function", "activation"))
        cls = type(inner)
        if any(getattr(item, "__name__", "") == "<lambda>" for item in functions):
            logging.warning(
                "%s has a Python lambda, which Keras does not load again: use a "
                "function of a module, registered with "
                "keras.saving.register_keras_serializable.",
                inner.name,
            )
        elif cls.__module__ == "__main__" and not _is_known(cls):
            logging.warning(
                "%s is a class of this script or notebook: another one loads it only "
                "with custom_objects. Move it to a module, or register it with "
                "keras.saving.register_keras_serializable.",
                cls.__name__,
            )


def _counted_anew(layers: list[keras.layers.Layer]) -> dict[str, str]:
    """Returns `{name: name}` to renumber names that Keras numbered automatically.

    Keras numbers layers through a whole process, so that the same encoder built twice
    would have two configurations.
    """
    counts, names = collections.Counter(), {}
    for layer in layers:
        kind = _counted_name(type(layer))
        if layer.name not in names and re.fullmatch(rf"{kind}(_\d+)?", layer.name):
            names[layer.name] = f"{kind}_{counts[kind]}" if counts[kind] else kind
            counts[kind] += 1
    return names


def _counted_name(cls: type) -> str:
    """Returns the name that Keras gives to the first layer of a class."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", cls.__name__)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _renamed(config: Any, names: Mapping[str, str], *, is_name: bool = False) -> Any:
    """Returns a configuration with renamed layers."""
    if isinstance(config, Mapping):
        return {
            key: _renamed(value, names, is_name=key in _HOLDING_NAMES)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return [_renamed(value, names, is_name=is_name) for value in config]
    return names.get(config, config) if is_name and isinstance(config, str) else config


def _is_known(cls: type) -> bool:
    """Returns whether Keras finds a class by itself."""
    is_registered = keras.saving.get_registered_name(cls) != cls.__name__
    return is_registered or cls.__module__.partition(".")[0] == "keras"


def _place(cls: type) -> str:
    if "<locals>" in cls.__qualname__:
        raise errors.InvalidValue(
            "A layer is saved by the name of its class, which must be importable",
            received=f"{cls.__name__}, a class that was defined in a function",
            do="Define it at the top level of a module, or register it with "
            "keras.saving.register_keras_serializable",
        )
    return f"{cls.__module__}:{cls.__qualname__}"


def _layer_class(place: str) -> type:
    found = catalogue.load("network", place)
    if not issubclass(found, _Layer):
        raise TypeError(f"{place} is not a class of layers")
    return found
