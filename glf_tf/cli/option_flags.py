# SPDX-License-Identifier: Apache-2.0
"""Defines the flag of a part's option, according to its kind of values."""

__all__ = ["define"]

from collections.abc import Callable, Mapping
from typing import Any

from absl import flags

from glf_tf import catalogue
from glf_tf.cli import kinds, parsers


def define(name: str, option: catalogue.Option) -> None:
    """Defines a flag.

    Args:
        name: The flag's name.
        option: The option, whose values can be given as text.
    """
    default = option.default
    if option.is_part:
        chosen = default["name"] if isinstance(default, Mapping) else default
        kinds.define_part(name, chosen, option)
    elif option.is_sequence:
        kinds.define_sequence(
            name,
            default,
            option.help,
            kind=_item_of(option),
            length=option.length,
            is_optional=option.is_optional,
        )
    elif option.kind == "choice":
        choices = (*option.choices, *((None,) if option.is_optional else ()))
        kinds.define_choice(name, default, option.help, choices=choices)
    elif option.is_optional and option.kind in ("int", "float"):
        kinds.define_optional(name, default, option.help, kind=option.kind)
    else:
        _DEFINERS[option.kind](name, default, option.help)


_DEFINERS = {
    "int": flags.DEFINE_integer,
    "float": flags.DEFINE_float,
    "bool": flags.DEFINE_bool,
    "str": flags.DEFINE_string,
    "path": kinds.define_path,
    "layer_path": kinds.define_path,
}

_ITEMS = {
    "int": int,
    "float": float,
    "str": str,
    "bool": flags.BooleanParser().parse,
    "path": kinds.path_of,
}


def _item_of(option: catalogue.Option) -> Callable[[str], Any]:
    """Returns the function that converts the text of a sequence's item."""
    if option.kind == "choice":
        return parsers.ChoiceParser(option.choices).parse
    return _ITEMS[option.kind]
