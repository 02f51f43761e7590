# SPDX-License-Identifier: Apache-2.0
"""Checks the arguments of a part's constructor against their annotations.

A number, a bool, a text, a choice and a sequence of these are checked. An annotation
that `catalogue.annotations` does not understand, or none, is not: a class of another
package may say less than the library's do. Ranges are the constructors' own matter.
"""

__all__ = ["check"]

import enum
import functools
import inspect
import numbers
import operator
import os
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from glf_tf import errors, naming, signatures
from glf_tf.catalogue import annotations
from glf_tf.catalogue.option import Option

_KERAS = inspect.signature(keras.layers.Layer.__init__).parameters
"""Arguments of all Keras layers."""


def check(cls: type, args: tuple, kwargs: Mapping[str, Any]) -> None:
    """Checks a call of a class before its constructor runs.

    Raises:
        InvalidValue: An argument is unknown, missing, or no value of its annotation.
    """
    if not args and not kwargs:
        return  # as `copy` and `pickle` make objects, without their constructor
    known = _known(cls)
    for name in kwargs:
        if known is not None and name not in known:
            raise errors.InvalidValue(
                f"The arguments of {cls.__name__} must fit its constructor",
                received=_shown(name, kwargs[name]),
                do=_advice(name, known),
            )
    _check_call(cls, args, kwargs)
    table = _table(cls)
    for name, value in signatures.bound(cls, args, kwargs).items():
        option = table.get(name)
        if option is not None and not _allows(option, value):
            raise errors.InvalidValue(
                f"`{name}` of {cls.__name__} must be {_rule(option)}",
                received=_shown(name, value),
                do=_example(option, value),
            )


def _check_call(cls: type, args: tuple, kwargs: Mapping[str, Any]) -> None:
    signature = inspect.signature(cls.__init__)
    try:
        signature.bind(None, *args, **kwargs)
    except TypeError as error:
        needed = [
            parameter.name
            for parameter in list(signature.parameters.values())[1:]
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        ]
        raise errors.InvalidValue(
            f"The arguments of {cls.__name__} must fit its constructor",
            received=f"a call with {error}",
            do=f"Pass {', '.join([*needed, 'options by their names'])}",
        ) from error
    _check_positions(cls, args, kwargs)


def _check_positions(cls: type, args: tuple, kwargs: Mapping[str, Any]) -> None:
    """Refuses arguments without a name, by which a saved part is made again."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    kinds = [parameter.kind for parameter in parameters]
    nameless = kinds.count(inspect.Parameter.POSITIONAL_ONLY)
    own = nameless + kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest, names = args[own:], signatures.handed_on(cls) if args[own:] else []
    is_twice = bool(set(names[: len(rest)]) & set(kwargs))
    if not nameless and len(rest) <= len(names) and not is_twice:
        return
    raise errors.InvalidValue(
        f"Each argument of {cls.__name__} must have a name, once, to be saved by it",
        received=f"{len(args)} by position, {len(kwargs)} by name",
        do="Name them in the constructor, without /, or hand them on by "
        "super().__init__(*args, **kwargs) to one that does",
    )


@functools.lru_cache(maxsize=512)
def _known(cls: type) -> frozenset[str] | None:
    """Returns the names of a constructor's arguments; None if any may be taken.

    A constructor of another package may use its `**kwargs` itself.
    """
    found: set[str] = set()
    decided: set[str] = set()
    hands_on = False
    for constructor, owner in signatures.constructors(cls):
        parameters = inspect.signature(constructor).parameters.values()
        hands_on = any(value.kind is value.VAR_KEYWORD for value in parameters)
        if hands_on and not naming.is_ours(owner):
            return None
        found |= {value.name for value in parameters} - decided
        decided |= signatures.given_to_next(constructor)
    if hands_on and issubclass(cls, keras.layers.Layer):
        found |= set(_KERAS)
    return frozenset(found - {"self", "args", "kwargs"})


@functools.lru_cache(maxsize=512)
def _table(cls: type) -> Mapping[str, Option]:
    """Returns the arguments of a constructor that are checked, by name."""
    found: dict[str, Option | None] = {}
    for constructor, _ in signatures.constructors(cls):
        hints = signatures.hints_of(constructor)
        for parameter in inspect.signature(constructor).parameters.values():
            if parameter.name not in found:
                found[parameter.name] = _option(parameter, hints)
    return {name: option for name, option in found.items() if option is not None}


def _option(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Option | None:
    hint = hints.get(parameter.name, parameter.empty)
    if hint is parameter.empty:
        return None
    values = annotations.values_of(hint, default=parameter.default)
    if values["kind"] not in (*_KINDS, "choice"):
        return None
    return Option(name=parameter.name, default=parameter.default, **values)


def _allows(option: Option, value: Any) -> bool:
    is_default = type(value) is type(option.default) and isinstance(value, str)
    if value is option.default or (is_default and value == option.default):
        return True
    if value is None:
        return option.is_optional
    if not option.is_sequence:
        return _allows_item(option, value)
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__len__"):
        return False
    items = list(value)
    is_long = option.length in (None, len(items))
    return is_long and all(_allows_item(option, item) for item in items)


def _allows_item(option: Option, value: Any) -> bool:
    if option.kind != "choice":
        return _KINDS[option.kind][0](value)
    value = value.value if isinstance(value, enum.Enum) else value
    is_plain = isinstance(value, (str, numbers.Number, np.generic, bytes))
    return is_plain and value in option.choices


def _is_whole(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_)):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


_KINDS: Mapping[str, tuple[Callable[[Any], bool], str, str]] = {
    "int": (_is_whole, "a whole number", "whole numbers"),
    "float": (_is_real, "a number", "numbers"),
    "bool": (
        lambda value: isinstance(value, (bool, np.bool_)),
        "True or False",
        "True or False each",
    ),
    "str": (lambda value: isinstance(value, str), "a text", "texts"),
    "path": (lambda value: isinstance(value, (str, os.PathLike)), "a path", "paths"),
}
"""Checks of values by kind of option, and what they are called, one and several."""


def _rule(option: Option) -> str:
    if option.kind == "choice":
        singular, plural = "one of its choices", "its choices"
    else:
        _, singular, plural = _KINDS[option.kind]
    if not option.is_sequence:
        return f"{singular} or None" if option.is_optional else singular
    count = "" if option.length is None else f"{option.length} "
    return f"a sequence of {count}{plural}"


def _example(option: Option, value: Any) -> str:
    if option.kind == "choice":
        return errors.suggestion(str(value), map(str, option.choices))
    if option.default in (None, inspect.Parameter.empty):
        return f"Pass {_rule(option)}"
    return f"Pass for instance {option.name}={option.default!r}"


def _advice(name: str, known: frozenset[str]) -> str:
    if name == "flow" and "prior" in known:
        return "Use prior=FlowPrior(latent_dim, flow=...): the flow is that of a prior"
    return errors.suggestion(name, known - set(_KERAS))


def _shown(name: str, value: Any) -> str:
    return f"{name}={reprlib.repr(value)}"
