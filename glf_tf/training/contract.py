# SPDX-License-Identifier: Apache-2.0
"""Checks of single values that models declare and users set; no TensorFlow here."""

__all__ = ["function", "items", "name", "number", "term", "whole"]

import inspect
import math
import numbers
import operator
import re
from collections.abc import Callable

from glf_tf import errors

_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def name(value: object, *, of: str) -> str:
    """Returns a valid name, which flags and checkpoints can have.

    Args:
        value: The name.
        of: What it names, such as "a stage".

    Raises:
        InvalidValue: It is no such name.
    """
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise errors.InvalidValue(
        f"The name of {of} must consist of letters, digits and _ . -",
        received=repr(value),
        do='Use for instance "flow"',
    )


def term(value: object, *, of: str) -> str:
    """Returns a valid name of a loss term, which has its own place in the history.

    Args:
        value: The name.
        of: The update.

    Raises:
        InvalidValue: It is no text, or the history's own name.
    """
    is_text = isinstance(value, str) and value
    if is_text and value != "loss" and not value.startswith("val_"):
        return value
    raise errors.InvalidValue(
        "The name of a loss term must not be `loss`, which is their weighted sum, nor "
        "begin with `val_`, as validation does",
        received=f"{value!r} in {of}",
        do="Rename the term",
    )


def whole(
    value: object, *, of: str, least: int | None = None, most: int | None = None
) -> int:
    """Returns a whole number.

    Args:
        value: The number, also of NumPy.
        of: Its name in messages.
        least: The smallest valid number; None for any.
        most: The largest valid number; None for any.

    Raises:
        InvalidType: It is not a whole number.
        InvalidValue: It is too small or too large.
    """
    try:
        known = operator.index(value)
    except TypeError as error:
        raise errors.InvalidType(
            f"`{of}` must be a whole number",
            received=_shown(of, value),
            do="Pass an int",
        ) from error
    if least is not None and known < least:
        raise errors.InvalidValue(
            f"`{of}` must be at least {least}",
            received=_shown(of, value),
            do="Use a larger number",
        )
    if most is not None and known > most:
        raise errors.InvalidValue(
            f"`{of}` must be at most {most}",
            received=_shown(of, value),
            do="Use a smaller number",
        )
    return known


def number(value: object, *, of: str, do: str = "Pass a float") -> float:
    """Returns a number of Python.

    Args:
        value: The number, also of NumPy.
        of: Its name in messages.
        do: The advice if it is something else.

    Raises:
        InvalidType: It is not a number.
        InvalidValue: It is not finite.
    """
    if not isinstance(value, numbers.Real):
        raise errors.InvalidType(
            f"`{of}` must be a number", received=_shown(of, value), do=do
        )
    if not math.isfinite(value):
        raise errors.InvalidValue(
            f"`{of}` must be finite", received=_shown(of, value), do=do
        )
    return value if isinstance(value, (int, float)) else float(value)


def items(value: object, *, of: str, kind: type, do: str) -> tuple:
    """Returns a tuple of parts of one kind, also from a list.

    Args:
        value: The parts.
        of: Their name in messages, such as "layers of the group flow".
        kind: Their class.
        do: The advice if they are something else.

    Raises:
        InvalidType: It is no tuple, or holds something else.
    """
    if not isinstance(value, (tuple, list)):
        wrong = [value]
    else:
        wrong = [item for item in value if not isinstance(item, kind)]
    if wrong:
        raise errors.InvalidType(
            f"The {of} must be a tuple of {kind.__name__}",
            received=_type(wrong[0]),
            do=do,
        )
    return tuple(value)


def function(value: object, *, of: str, takes: str) -> Callable:
    """Returns a function that can be called as the loop calls it.

    Args:
        value: The function.
        of: Its name in messages, such as "terms".
        takes: Its arguments, such as "batch, *, seed".

    Raises:
        InvalidType: It cannot be called, or not with these arguments.
    """
    first, _, keywords = takes.partition(", *, ")
    named = dict.fromkeys(keywords.split(", ") if keywords else ())
    try:
        inspect.signature(value).bind(first, **named)
    except TypeError as error:
        received = str(error) if callable(value) else _type(value)
        raise errors.InvalidType(
            f"`{of}` must be a function {of}({takes})",
            received=received,
            do="Give it these arguments",
        ) from error
    except ValueError:  # a function of C, which has no signature
        pass
    return value


def _type(value: object) -> str:
    return type(value).__name__


def _shown(of: str, value: object) -> str:
    return f"{of}={value!r}"[:80]
