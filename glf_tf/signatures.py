# SPDX-License-Identifier: Apache-2.0
"""What the signature of a class's constructor says."""

__all__ = ["bound", "defaults", "takes"]

import inspect
from collections.abc import Mapping
from typing import Any


def bound(cls: type, args: tuple, kwargs: Mapping) -> dict[str, Any]:
    """Returns `{argument: value}` of a call of a class."""
    signature = inspect.signature(cls.__init__)
    try:
        call = signature.bind(None, *args, **kwargs)
    except TypeError:
        return {}  # the constructor itself says what is wrong
    arguments = dict(list(call.arguments.items())[1:])
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(parameter.name, {})
    return arguments


def defaults(cls: type, *, within: type) -> dict[str, Any]:
    """Returns the defaults of a constructor, and of those that it hands keywords to.

    Args:
        cls: The class.
        within: Whose subclasses count: keywords of Keras' own classes are left out.
    """
    found = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        if not issubclass(base, within):
            break
        parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
        for one in parameters:
            if one.default is not one.empty and one.name not in found:
                found[one.name] = one.default
        if all(one.kind is not one.VAR_KEYWORD for one in parameters):
            break
    return found


def takes(cls: type, name: str) -> bool:
    """Returns whether a constructor takes a keyword, if only to hand it on."""
    parameters = inspect.signature(cls.__init__).parameters
    kinds = [one.kind for one in parameters.values()]
    return name in parameters or inspect.Parameter.VAR_KEYWORD in kinds
