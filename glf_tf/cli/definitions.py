# SPDX-License-Identifier: Apache-2.0
"""Defines flags from data classes and constructors, which state the defaults."""

__all__ = ["define_options", "define_settings", "settings_of", "spec_of", "chosen"]

import dataclasses
import re
from collections.abc import Mapping

from absl import flags

from glf_tf import catalogue, recipe

FLAGS = flags.FLAGS


def define_options(
    arguments: list[recipe.Argument], *, kind: str, name: str, prefix: str
) -> None:
    """Defines the flags of a part's options, and of the parts that it is made of.

    Args:
        arguments: The expanded arguments, which name the parts.
        kind: The part's kind, such as "model".
        name: The part's name.
        prefix: What the flags begin with: "" or, say, "network.".
    """
    for option in catalogue.options(kind, name).values():
        flag = prefix + option.name
        _define_option(flag, option)
        if option.is_part:
            define_options(
                arguments,
                kind=option.name,
                name=chosen(arguments, flag, default=option.default),
                prefix=f"{flag}.",
            )


def _define_option(name: str, option: catalogue.Option) -> None:
    kind = option.annotation.removesuffix(" | None")
    if kind.startswith("Literal["):
        choices = re.findall(r"'([^']*)'", kind)
        flags.DEFINE_enum(name, option.default, choices, option.help)
    elif option.is_part:
        names = catalogue.names(option.name)
        flags.DEFINE_enum(name, option.default, names, option.help)
    elif kind.startswith("tuple[int"):
        _define_sequence(name, option, kind=int)
    else:
        _DEFINERS[kind](name, option.default, option.help)


def _define_sequence(name: str, option: catalogue.Option, *, kind: type) -> None:
    flags.DEFINE(
        _Sequence(kind),
        name,
        option.default,
        option.help,
        serializer=_SequenceSerializer(),
    )


_DEFINERS = {
    "int": flags.DEFINE_integer,
    "float": flags.DEFINE_float,
    "bool": flags.DEFINE_bool,
    "str": flags.DEFINE_string,
}


def define_settings(settings: type) -> None:
    """Defines a flag for each field of a data class."""
    help_of = catalogue.described(settings.__doc__, section="Attributes")
    for field in dataclasses.fields(settings):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        default = None if default is dataclasses.MISSING else default
        text = help_of[field.name]
        if isinstance(default, Mapping) or field.name == "epochs":
            flags.DEFINE(
                _Named(), field.name, default, text, serializer=_NamedSerializer()
            )
        else:
            _DEFINERS[field.type.__name__](field.name, default, text)


def settings_of(settings: type):
    """Returns a data class with the flags' values."""
    values = {}
    for field in dataclasses.fields(settings):
        value = FLAGS[field.name].value
        if field.default_factory is not dataclasses.MISSING:
            # A value for one group alone leaves the others their default.
            value = {**field.default_factory(), **value}
        values[field.name] = value
    return settings(**values)


def spec_of(kind: str, name: str, *, prefix: str) -> dict:
    """Returns the specification of a part from the flags of `define_options`."""
    spec = {"name": name}
    for option in catalogue.options(kind, name).values():
        flag = prefix + option.name
        value = FLAGS[flag].value
        if option.is_part:
            value = spec_of(option.name, value, prefix=f"{flag}.")
        spec[option.name] = value
    return spec


def chosen(arguments: list[recipe.Argument], flag: str, *, default: str) -> str:
    """Returns the value that the arguments give a flag, before parsing."""
    return recipe.last_value(arguments, flag, default=default)


class _Sequence(flags.ArgumentParser):
    """Numbers with commas between: `200,200`."""

    def __init__(self, kind: type):
        super().__init__()
        self._kind = kind
        self.syntactic_help = "numbers with commas between"

    def parse(self, argument):
        if isinstance(argument, str):
            try:
                return tuple(self._kind(part) for part in argument.split(","))
            except ValueError as error:
                raise ValueError("use numbers with commas between") from error
        return tuple(argument)


class _SequenceSerializer(flags.ArgumentSerializer):
    def serialize(self, value):
        return ",".join(map(str, value))


class _Named(flags.ArgumentParser):
    """A number for all, and numbers by name: `1e-3,flow:5e-4`."""

    syntactic_help = "a number, or NAME:NUMBER, with commas between"

    def parse(self, argument):
        if isinstance(argument, Mapping):
            return dict(argument)
        named = {}
        for part in argument.split(",") if argument else ():
            name, _, number = part.rpartition(":")
            try:
                named[name] = int(number) if number.isdigit() else float(number)
            except ValueError as error:
                raise ValueError("use a number, or NAME:NUMBER") from error
        return named


class _NamedSerializer(flags.ArgumentSerializer):
    def serialize(self, value):
        return ",".join(
            f"{name}:{one}" if name else f"{one}" for name, one in value.items()
        )
