# SPDX-License-Identifier: Apache-2.0
"""Keras layers of somebody's as specifications: `{"name": "keras", "config": {...}}`.

The configuration is Keras' own. A class that is not registered with Keras is named by
module and class under `classes`, and imported from there.
"""

__all__ = ["is_layer", "specification", "make"]

import importlib
from collections.abc import Mapping

import keras

from glf_tf import errors

_NAME, _Layer = "keras", keras.layers.Layer


def is_layer(spec: str | Mapping) -> bool:
    """Returns whether a specification or a name is that of a Keras layer.

    Of a name `module:Class`, with or without options, the class is imported.
    """
    name = spec if isinstance(spec, str) else spec.get("name", "")
    return name == _NAME or (":" in name and issubclass(_imported(name), _Layer))


def specification(layer: keras.layers.Layer) -> dict:
    """Returns what describes a layer, in values of JSON.

    Raises:
        InvalidValue: It has no configuration, or a class that cannot be imported.
    """
    classes = {type(one) for one in layer._flatten_layers()}
    unknown = [one for one in classes if not _is_known(one)]
    try:
        config = keras.saving.serialize_keras_object(layer)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise errors.InvalidValue(
            "A layer is saved by its `get_config`",
            received=f"{type(layer).__name__}: {_first_line(error)}",
            do="Give its class a get_config that returns the constructor's arguments",
        ) from error
    places = {one.__name__: _place(one) for one in sorted(unknown, key=str)}
    return {"name": _NAME, "config": config, **({"classes": places} if places else {})}


def make(spec: str | Mapping) -> keras.layers.Layer:
    """Returns a new layer as described, with new weights.

    Args:
        spec: What `specification` gives, or a class as `module:Class`, by name or with
            options.

    Raises:
        InvalidValue: It cannot be built.
    """
    options = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = options.pop("name")
    try:
        if name != _NAME:
            return _imported(name)(**options)
        places = options.get("classes", {})
        known = {name: _layer_class(place) for name, place in places.items()}
        made = keras.saving.deserialize_keras_object(
            options["config"], custom_objects=known
        )
        if not isinstance(made, _Layer):
            raise TypeError(f"a configuration of no layer: {options['config']}")
        return made
    except errors.UserError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise errors.InvalidValue(
            "A layer of somebody's is built from its configuration and classes",
            received=_first_line(error),
            do="Import the module that registers its classes with "
            "keras.saving.register_keras_serializable",
        ) from error


def _is_known(cls: type) -> bool:
    """Returns whether Keras finds a class by itself."""
    is_registered = keras.saving.get_registered_name(cls) != cls.__name__
    return is_registered or cls.__module__.partition(".")[0] == "keras"


def _place(cls: type) -> str:
    if "<locals>" in cls.__qualname__:
        raise errors.InvalidValue(
            "A layer is saved by the name of its class, which must be importable",
            received=f"{cls.__name__}, a class that a function made",
            do="Define it at the top of a module, or register it with "
            "keras.saving.register_keras_serializable",
        )
    return f"{cls.__module__}:{cls.__qualname__}"


def _layer_class(place: str) -> type:
    found = _imported(place)
    if not issubclass(found, _Layer):
        raise TypeError(f"{place} is no class of layers")
    return found


def _imported(place: str) -> type:
    """Returns the class at `module:Class`.

    Raises:
        InvalidValue: There is none.
    """
    module, _, name = place.partition(":")
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise errors.InvalidValue(
            "A class is named by module and class, and can be imported",
            received=f"{place}: {_first_line(error)}",
            do="Install the package, or start where it is, or register the class with "
            "keras.saving.register_keras_serializable and import it before",
        ) from error
    if not isinstance(found, type):
        raise errors.InvalidValue(
            "A class is named by module and class",
            received=f"{place}, which is none",
            do="Name a class, such as package.module:MyEncoder",
        )
    return found


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].split(" Full object config")[0]
