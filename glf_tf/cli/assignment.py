# SPDX-License-Identifier: Apache-2.0
"""Gives flags their values, or says in three parts what is wrong with one.

For every flag of every tool: a number is finite and fits into 64 bits; a seed is a
number from 0 to 2**31 - 1; what is given is not empty, unless the default is; a list
has no empty items.
"""

__all__ = ["assign"]

import math
from collections.abc import Iterable, Mapping
from typing import Any

from absl import flags

from glf_tf import errors, recipe

FLAGS = flags.FLAGS

_LARGEST = 2**63


def assign(
    arguments: Iterable[recipe.Argument], *, program: str, known: Iterable[flags.Flag]
) -> None:
    """Gives flags their values.

    Args:
        arguments: The flags that were given; of each the last one counts, and all must
            be right.
        program: The program's name.
        known: The flags that there are.

    Raises:
        InvalidValue: One is not known, or a value breaks a rule.
    """
    arguments, known = list(arguments), {flag.name: flag for flag in known}
    for argument in arguments:
        if argument.name not in known:
            raise errors.InvalidValue(
                "A flag must be one that the tool, or a part that it was told to use, "
                "has",
                received=argument.described,
                do=_near(argument.name, known),
            )
        _check(argument, known[argument.name])
    FLAGS([program, *(argument.text for argument in arguments)])


def _near(name: str, known: Iterable[str]) -> str:
    """Returns advice for an unknown flag."""
    near = [f"--{found}" for found in errors.near(name, known)]
    return (f"Did you mean {' or '.join(near)}? " if near else "") + (
        "--help lists the flags"
    )


def _check(argument: recipe.Argument, flag: flags.Flag) -> None:
    """Refuses a value that a flag does not take.

    Raises:
        InvalidValue: It does not.
    """
    try:
        value = flag.parser.parse(argument.value)
        _check_value(value, flag)
    except (ValueError, TypeError, OverflowError) as error:
        enum = isinstance(flag.parser, flags.EnumParser)
        kind = "one of several names" if enum else flag.parser.syntactic_help
        kind = "true or false" if flag.boolean else kind
        default = flag.default_as_str if flag.default not in (None, "") else ""
        example = f"Use for instance --{flag.name}={default}".replace("'", "")
        do = example if default else "--help says what it means"
        if enum:
            do = errors.suggestion(argument.value, flag.parser.enum_values)
        reason = "" if enum or flag.boolean else f" ({_reason(error)})"
        raise errors.InvalidValue(
            f"--{flag.name} takes {kind or 'a text'}",
            received=f"{_shortened(argument.described)}{reason}",
            do=do,
        ) from error


def _check_value(value: Any, flag: flags.Flag) -> None:
    """Refuses what no flag takes."""
    if value == flag.default:
        return
    if isinstance(value, Mapping):
        value = list(value.values())
    items = value if isinstance(value, (list, tuple)) else [value]
    if not items or "" in items:
        raise ValueError("nothing is given" if len(items) < 2 else "an item is empty")
    for item in items:
        if isinstance(item, float) and not math.isfinite(item):
            raise ValueError("it is not finite")
        if isinstance(item, int) and not -_LARGEST <= item < _LARGEST:
            raise ValueError("it does not fit into 64 bits")
        if flag.name.endswith("seed") and type(item) is int and not 0 <= item < 2**31:
            raise ValueError("a seed lies between 0 and 2,147,483,647")


def _reason(error: Exception) -> str:
    """Returns why a value was refused, in few words."""
    text = " ".join(map(str, error.args)).partition("\n")[0]
    return "it is none" if "invalid literal" in text or "convert" in text else text


def _shortened(text: str) -> str:
    return text if len(text) < 200 else f"{text[:150]}... of {len(text):,} characters"
