# SPDX-License-Identifier: Apache-2.0
"""Assigns flags their values, and checks them.

For all flags of all tools: a number is finite and fits into 64 bits; a seed is in [0,
2**31 - 1]; a value is not empty, unless the default is; a list has no empty items.
"""

__all__ = ["assign"]

import math
from collections.abc import Iterable, Mapping
from typing import Any

from absl import flags

from glf_tf import catalogue, errors, recipe

FLAGS = flags.FLAGS

_LARGEST = 2**63

_ALWAYS = ("help", *recipe.OF_FILES)
"""What may be given to every tool beside its flags."""


def assign(
    arguments: Iterable[recipe.Argument], *, program: str, known: Iterable[flags.Flag]
) -> None:
    """Assigns flags their values.

    Args:
        arguments: The given flags; all must be valid, and the last one of each name
            counts.
        program: The program's name.
        known: All flags.

    Raises:
        InvalidValue: A flag is unknown, or a value is invalid.
    """
    arguments, known = list(arguments), {flag.name: flag for flag in known}
    for argument in arguments:
        if argument.name not in known:
            raise errors.InvalidValue(
                "A flag must belong to the tool, or to a part that was chosen",
                received=argument.described,
                do=_near(argument.name, known),
            )
        _check(argument, known[argument.name])
    FLAGS([program, *(argument.text for argument in arguments)])


def _near(name: str, known: Iterable[str]) -> str:
    """Returns advice for an unknown flag."""
    part = name.partition(".")[0]
    owners = [
        model
        for model in catalogue.names("model")
        if part in catalogue.options("model", model)
    ]
    if owners and part not in known:
        return f"--{part} is an option of other models: {', '.join(owners)}"
    near = [f"--{found}" for found in errors.near(name, [*known, *_ALWAYS])]
    return f"{errors.question(near)}--help lists the flags"


def _check(argument: recipe.Argument, flag: flags.Flag) -> None:
    """Checks a value with the flag's parser.

    Raises:
        InvalidValue: The value is invalid.
    """
    try:
        value = flag.parser.parse(argument.value)
        _check_value(value, flag)
    except (ValueError, TypeError, OverflowError) as error:
        enum = isinstance(flag.parser, flags.EnumParser)
        kind = "one of several names" if enum else flag.parser.syntactic_help
        kind = "true or false" if flag.boolean else kind
        default = flag.default_as_str if flag.default not in (None, "", []) else ""
        example = f"Use for instance --{flag.name}={default}".replace("'", "")
        do = example if default else "See --help"
        if enum:
            do = errors.suggestion(argument.value, flag.parser.enum_values)
        reason = "" if enum or flag.boolean else f" ({_reason(error)})"
        raise errors.InvalidValue(
            f"--{flag.name} takes {kind or 'a text'}",
            received=f"{_shortened(argument.described)}{reason}",
            do=do,
        ) from error


def _check_value(value: Any, flag: flags.Flag) -> None:
    """Refuses values that are invalid for every flag."""
    if value == flag.default:
        return
    if isinstance(value, Mapping):
        value = list(value.values())
    items = value if isinstance(value, (list, tuple)) else [value]
    if not items or "" in items:
        raise ValueError("the value is empty" if len(items) < 2 else "an item is empty")
    for item in items:
        if isinstance(item, float) and not math.isfinite(item):
            raise ValueError("it must be finite")
        if isinstance(item, int) and not -_LARGEST <= item < _LARGEST:
            raise ValueError("it must fit into 64 bits")
        if flag.name.endswith("seed") and type(item) is int and not 0 <= item < 2**31:
            raise ValueError("a seed must be between 0 and 2,147,483,647")


def _reason(error: Exception) -> str:
    """Returns a short reason why a value was refused."""
    text = " ".join(map(str, error.args)).partition("\n")[0]
    return "it is none" if "invalid literal" in text or "convert" in text else text


def _shortened(text: str) -> str:
    return text if len(text) < 200 else f"{text[:150]}... of {len(text):,} characters"
