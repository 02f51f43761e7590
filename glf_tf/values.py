# SPDX-License-Identifier: Apache-2.0
"""Values of a part's arguments, as the part remembers them until it is saved."""

__all__ = ["check", "copied"]

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from glf_tf import errors, naming, signatures

_RESERVED = {"model": ("frozen",)}
"""Names of arguments that a description keeps for itself, by kind of part."""

_OF_LAYERS = ("name", "dtype", "trainable")
"""Arguments that are Keras' own, and saved with layers alone."""


def copied(value: Any) -> Any:
    """Returns a value that the caller's own containers and arrays no longer change.

    Parts and layers among it are the same objects.
    """
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [copied(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return value.copy() if isinstance(value, np.ndarray) else value


def check(cls: type, arguments: Mapping[str, Any], *, given: Mapping[str, Any]) -> None:
    """Checks that a part can be saved with its arguments, before it is trained.

    Args:
        cls: The class of the part.
        arguments: All that it remembers.
        given: Those that are no defaults.

    Raises:
        InvalidValue: An argument would be lost, or could not be saved.
    """
    is_layer = issubclass(cls, keras.layers.Layer)
    for name in arguments:
        is_reserved = name in _RESERVED.get(cls.part_kind, ())
        if is_reserved or (name in given and name in _OF_LAYERS and not is_layer):
            raise errors.InvalidValue(
                f"A {cls.part_kind}'s own arguments must not be called {name}, which "
                "a description has for something else",
                received=f"{cls.__name__} with {name}={reprlib.repr(arguments[name])}",
                do=f"Rename it in the constructor, such as own_{name}",
            )
    for name in _options(cls):
        for value in filter(_is_code, _leaves(arguments[name])):
            raise errors.InvalidValue(
                f"`{name}` of {cls.__name__} must be a value that can be saved, and "
                "no function or class",
                received=getattr(value, "__qualname__", type(value).__name__),
                do="Pass a name, and look it up in the constructor, as "
                "keras.activations.get('gelu') does",
            )


def _options(cls: type) -> list[str]:
    """Returns the options of a class but the library's own, which are checked by it."""
    known = signatures.keywords(cls)
    return [option.name for option in known if not naming.is_ours(option.owner)]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        yield value
        return
    for item in value:
        yield from _leaves(item)


def _is_code(value: Any) -> bool:
    is_part = isinstance(value, keras.layers.Layer) or hasattr(value, "part_kind")
    return callable(value) and (isinstance(value, type) or not is_part)
