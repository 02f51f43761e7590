# SPDX-License-Identifier: Apache-2.0
"""Reads the values of an option from its type annotation.

Aliases, `Annotated`, `Optional`, `Literal`, enumerations and sequences are resolved.
Without an annotation, the default's type counts.
"""

__all__ = ["values_of"]

import collections.abc
import enum
import inspect
import os
import pathlib
import types as python_types
import typing
from typing import Any

from glf_tf import types
from glf_tf.catalogue.kinds import KINDS

_PLAIN = {int: "int", float: "float", bool: "bool", str: "str"}
_SEQUENCES = (tuple, list, collections.abc.Sequence, collections.abc.Collection)
_UNIONS = (typing.Union, python_types.UnionType)
_OBJECT = {"kind": "object"}


def values_of(annotation: Any, *, default: Any) -> dict[str, Any]:
    """Returns the fields of an `Option` that follow from its annotation.

    Args:
        annotation: The annotation, or `inspect.Parameter.empty`.
        default: The default of the option.
    """
    if annotation in (inspect.Parameter.empty, Any):
        annotation = _type_of(default)
    found = _read(annotation)
    if default is None:
        found["is_optional"] = True
    return found


def _type_of(value: Any) -> Any:
    """Returns the annotation of a default without one."""
    if isinstance(value, (tuple, list)) and value:
        return tuple[type(value[0]), ...]
    return type(value)


def _read(annotation: Any) -> dict[str, Any]:
    annotation, marks = _unwrapped(annotation)
    for mark in marks:
        if isinstance(mark, types.PartOf):
            return {"kind": "part", "part": mark.kind}
        if isinstance(mark, types.PathName):
            return {"kind": "layer_path" if mark.or_layer else "path"}
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _UNIONS:
        return _of_union(arguments)
    if origin is typing.Literal:
        choices = tuple(choice for choice in arguments if choice is not None)
        optional = {"is_optional": True} if None in arguments else {}
        return {"kind": "choice", "choices": choices} | optional
    if origin in _SEQUENCES:
        return _of_sequence(origin, arguments)
    return _of_class(annotation) if isinstance(annotation, type) else dict(_OBJECT)


def _unwrapped(annotation: Any) -> tuple[Any, list[Any]]:
    """Resolves aliases; returns the type and the metadata of `Annotated`."""
    marks: list[Any] = []
    while True:
        if hasattr(annotation, "__metadata__"):
            marks += annotation.__metadata__
            annotation = annotation.__origin__
        elif hasattr(annotation, "__supertype__"):  # typing.NewType
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # Python 3.12's `type X = Y`
            annotation = annotation.__value__
        elif typing.get_origin(annotation) is typing.Final:
            (annotation,) = typing.get_args(annotation)
        else:
            return annotation, marks


def _of_union(members: tuple) -> dict[str, Any]:
    """Returns the fields of a union: of a type and None, numbers, paths, or a part."""
    kept = [member for member in members if member is not type(None)]
    optional = {"is_optional": True} if len(kept) < len(members) else {}
    found = [_read(member) for member in kept]
    for option in found:
        if option["kind"] in ("part", "path"):
            return option | optional
    if all(option == found[0] for option in found):
        return found[0] | optional
    if all(option in ({"kind": "int"}, {"kind": "float"}) for option in found):
        return {"kind": "float"} | optional
    if all(
        option["kind"] == "choice" and "is_sequence" not in option for option in found
    ):
        choices = sum((option["choices"] for option in found), ())
        return {"kind": "choice", "choices": choices} | optional
    return _OBJECT | optional


def _of_sequence(origin: Any, arguments: tuple) -> dict[str, Any]:
    """Returns the fields of `tuple[int, ...]`, `tuple[int, int]`, or `list[int]`."""
    items = [argument for argument in arguments if argument is not Ellipsis]
    found = _of_union(tuple(items)) if items else dict(_OBJECT)
    is_simple = found["kind"] not in ("part", "object")
    if not is_simple or "is_sequence" in found or "is_optional" in found:
        return dict(_OBJECT)
    if origin is tuple and Ellipsis not in arguments:
        found["length"] = len(items)
    return found | {"is_sequence": True}


def _of_class(annotation: type) -> dict[str, Any]:
    if annotation in _PLAIN:
        return {"kind": _PLAIN[annotation]}
    if issubclass(annotation, enum.Enum):
        values = tuple(member.value for member in annotation)
        made_by = f"{annotation.__module__}:{annotation.__qualname__}"
        return {"kind": "choice", "choices": values, "made_by": made_by}
    if issubclass(annotation, pathlib.PurePath):
        return {"kind": "path", "made_by": "pathlib:Path"}
    if annotation is os.PathLike:
        return {"kind": "path"}
    for kind in KINDS.values():
        if issubclass(annotation, kind.base):
            return {"kind": "part", "part": kind.name}
    return dict(_OBJECT)
