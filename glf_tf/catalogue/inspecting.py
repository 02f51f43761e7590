# SPDX-License-Identifier: Apache-2.0
"""Reads the options of a class from its constructor, as Python itself would call it."""

__all__ = ["options_of"]

import dataclasses
import enum
import inspect
import pathlib
import sys
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from glf_tf.catalogue import annotations, docstrings
from glf_tf.catalogue.option import Option

_FOREIGN = (
    "keras",
    "tensorflow",
    "tensorflow_probability",
    "tf_keras",
    "builtins",
    "abc",
)
"""Packages whose base classes have keywords that are no options of a part."""

_NEVER = ("name", "dtype", "trainable")
"""Keywords of Keras' layers and models that are no options of a part."""


def options_of(cls: type) -> dict[str, Option]:
    """Returns the options of a class: its constructor's keywords that have defaults.

    A constructor that hands `**kwargs` on has the keywords of the next one as well.
    """
    texts = docstrings.arguments_of(cls)
    found: dict[str, Option] = {}
    for constructor, base in _constructors(cls):
        hints = _hints_of(constructor)
        for parameter in inspect.signature(constructor).parameters.values():
            if _is_option(parameter) and parameter.name not in found:
                name = parameter.name
                default = _default_of(parameter, base)
                annotation = hints.get(name, parameter.empty)
                values = annotations.values_of(annotation, default=parameter.default)
                if values["kind"] == "part" and not _names_part(default):
                    values = {"kind": "object"}
                found[name] = Option(
                    name=name, default=default, help=texts.get(name, ""), **values
                )
    return found


def _constructors(cls: type) -> Iterator[tuple[Any, type]]:
    """Yields a class's constructor, and those that `**kwargs` are handed on to."""
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] in _FOREIGN:
            return
        constructor = vars(base).get("__init__")
        if constructor is None:
            continue
        yield constructor, base
        parameters = inspect.signature(constructor).parameters.values()
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            return


def _is_option(parameter: inspect.Parameter) -> bool:
    by_keyword = (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return (
        parameter.kind in by_keyword
        and parameter.default is not parameter.empty
        and parameter.name not in _NEVER
    )


def _names_part(default: Any) -> bool:
    """Returns whether a default is one that a text can give: no object."""
    return default is None or isinstance(default, (str, Mapping))


def _default_of(parameter: inspect.Parameter, cls: type) -> Any:
    """Returns a default; what a factory of a data class makes is made."""
    if dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            has_factory = field.default_factory is not dataclasses.MISSING
            if field.name == parameter.name and has_factory:
                return field.default_factory()
    default = parameter.default
    if isinstance(default, enum.Enum):
        return default.value
    return str(default) if isinstance(default, pathlib.PurePath) else default


def _hints_of(constructor: Any) -> Mapping[str, Any]:
    """Returns annotations, evaluated where they are text and can be."""
    try:
        return typing.get_type_hints(constructor, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that only a type checker imports
        raw = getattr(constructor, "__annotations__", {})
        return {name: _evaluated(hint, constructor) for name, hint in raw.items()}


def _evaluated(hint: Any, constructor: Any) -> Any:
    if not isinstance(hint, str):
        return hint
    namespace = vars(sys.modules.get(constructor.__module__, sys))
    try:
        holder = type("Holder", (), {"__annotations__": {"hint": hint}})
        return typing.get_type_hints(holder, namespace, include_extras=True)["hint"]
    except Exception:  # noqa: BLE001 - as above: the default tells
        return inspect.Parameter.empty
