# SPDX-License-Identifier: Apache-2.0
"""Reads the options of a class from its constructor, as Python itself would call it."""

__all__ = ["options_of"]

import ast
import dataclasses
import enum
import inspect
import pathlib
import sys
import textwrap
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

    A constructor that hands `**kwargs` on has the keywords of the next one as well,
    but for those that it gives itself.
    """
    texts = docstrings.arguments_of(cls)
    found: dict[str, Option] = {}
    decided: set[str] = set()
    for constructor, base in _constructors(cls):
        hints = _hints_of(constructor)
        for parameter in inspect.signature(constructor).parameters.values():
            name = parameter.name
            if _is_option(parameter) and name not in {*found, *decided}:
                hint = hints.get(name, parameter.empty)
                found[name] = _option(parameter, base, hint, texts.get(name, ""))
        decided |= _given_to_next(constructor)
    return found


def _option(parameter: inspect.Parameter, cls: type, hint: Any, text: str) -> Option:
    """Returns the option that a parameter of a class's constructor is."""
    default = _default_of(parameter, cls)
    values = annotations.values_of(hint, default=parameter.default)
    if values["kind"] == "part" and not _names_part(default):
        values = {"kind": "object"}
    return Option(name=parameter.name, default=default, help=text, **values)


def _given_to_next(constructor: Any) -> set[str]:
    """Returns the keywords that a constructor gives to the next one, by its source."""
    try:
        source = textwrap.dedent(inspect.getsource(constructor))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError):
        return set()  # there is no source, as of data classes
    return {
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".__init__")
        for keyword in node.keywords
        if keyword.arg is not None
    }


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
