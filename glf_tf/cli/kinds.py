# SPDX-License-Identifier: Apache-2.0
"""Kinds of flags that absl lacks: paths, parts, sequences, numbers by name, and none.

A path may begin with `~`, in every tool and wherever it stands in a list.
"""

__all__ = [
    "Choice",
    "define_choice",
    "define_named",
    "define_names",
    "define_optional",
    "define_overwrite",
    "define_part",
    "define_path",
    "define_paths",
    "define_sequence",
    "path_of",
]

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags

from glf_tf import catalogue

_LONGEST_NAME, _LONGEST_PATH = 255, 4095


def define_path(name: str, default: str | None, text: str) -> None | flags.FlagHolder:
    """Defines a flag whose value is a path."""
    return _define(_Path(), name, default, text, serializer=flags.ArgumentSerializer())


def define_overwrite() -> flags.FlagHolder:
    """Defines the flag that lets a tool replace the files it is told to write."""
    return flags.DEFINE_bool("overwrite", False, "Replace files that exist.")


def define_paths(name: str, default: list | None, text: str) -> flags.FlagHolder:
    """Defines a flag whose value is paths with commas between."""
    serializer = flags.CsvListSerializer(",")
    return _define(_Paths(), name, default, text, serializer=serializer)


def define_sequence(
    name: str,
    default: tuple | None,
    text: str,
    *,
    kind: Callable[[str], Any],
    length: int | None = None,
    is_optional: bool = False,
) -> flags.FlagHolder:
    """Defines a flag whose value is items with commas between.

    Args:
        name: The flag's name.
        default: The default.
        text: The help.
        kind: Makes an item of its text, such as `int`.
        length: How many items there must be, where that is fixed.
        is_optional: Whether `none` is a value.
    """
    parser: flags.ArgumentParser = _Sequence(kind, length=length)
    if is_optional:
        parser = _Optional(parser)
    return _define(parser, name, default, text, serializer=_Joined())


def define_choice(
    name: str, default: Any, text: str, *, choices: Sequence[Any]
) -> flags.FlagHolder:
    """Defines a flag whose value is one of some: texts, numbers, true, false, none."""
    parser = Choice(choices)
    text = f"<{'|'.join(parser.enum_values)}>: {text}"
    return _define(parser, name, default, text, serializer=_Joined())


def define_part(
    name: str, default: str | None, option: catalogue.Option
) -> flags.FlagHolder:
    """Defines a flag whose value names a part: built in, or a plug-in.

    Args:
        name: The flag's name.
        default: The name of the part without the flag; None for no part.
        option: The option that holds the part.
    """
    text = f"<{'|'.join(catalogue.names(option.part))}>: {option.help}"
    serializer = flags.ArgumentSerializer()
    return _define(_PartName(option), name, default, text, serializer=serializer)


def define_optional(
    name: str, default: float | None, text: str, *, kind: str
) -> flags.FlagHolder:
    """Defines a flag whose value is a number of a kind, "int" or "float", or none."""
    number = flags.IntegerParser() if kind == "int" else flags.FloatParser()
    return _define(_Optional(number), name, default, text, serializer=_Joined())


def path_of(text: str) -> str:
    """Returns a path, with the home folder in the place of `~`.

    Raises:
        ValueError: It is no path.
    """
    return _Path().parse(text)


def define_named(name: str, default: Mapping | None, text: str) -> flags.FlagHolder:
    """Defines a flag whose value is a number, and numbers by name."""
    return _define(_Named(), name, default, text, serializer=_NamedSerializer())


def define_names(
    name: str, default: Mapping, text: str, *, choices: tuple[str, ...]
) -> flags.FlagHolder:
    """Defines a flag whose value is one of some names, and such names by name."""
    return _define(_Names(choices), name, default, text, serializer=_NamedSerializer())


def _define(parser, name, default, text, *, serializer) -> flags.FlagHolder:
    return flags.DEFINE(parser, name, default, text, serializer=serializer)


class _Path(flags.ArgumentParser):
    """A path, with the home folder in the place of `~`."""

    syntactic_help = "a path"

    def parse(self, argument):
        try:
            path = str(pathlib.Path(argument).expanduser()) if argument else argument
        except RuntimeError as error:
            raise ValueError("no user has a home folder of that name") from error
        data = os.fsencode(path)
        longest = max(map(len, data.split(b"/")))
        if longest > _LONGEST_NAME or len(data) > _LONGEST_PATH:
            raise ValueError("no file system takes a name of that length")
        return path

    def flag_type(self):
        return "path"


class _Paths(flags.ListParser):
    """Paths with commas between."""

    syntactic_help = "paths with commas between"

    def parse(self, argument):
        if isinstance(argument, list):
            return argument
        return [_Path().parse(part) for part in super().parse(argument)]

    def flag_type(self):
        return "paths"


class Choice(flags.EnumParser):
    """One of some values, by its text: 3, true, none or itself."""

    def __init__(self, choices: Sequence[Any]):
        self._values = {_text_of(choice): choice for choice in choices}
        super().__init__(list(self._values))

    def parse(self, argument):
        """Returns the value that a text, or the value itself, stands for."""
        return self._values[super().parse(_text_of(argument))]


class _PartName(flags.EnumParser):
    """The name of a part; `none` where there may be no part."""

    def __init__(self, option: catalogue.Option):
        # Without what installed packages announce, which takes time to find.
        super().__init__(catalogue.names(option.part))
        self._option = option

    @property
    def enum_values(self):
        """All names, for advice."""
        return list(catalogue.known(self._option.part))

    @enum_values.setter
    def enum_values(self, names):
        self._built_in = names

    def parse(self, argument):
        if self._option.is_optional and argument == "none":
            return None
        is_known = argument in self._built_in
        if not (is_known or catalogue.is_plugin(self._option.part, argument)):
            raise ValueError("there is no such part")
        return argument


class _Optional(flags.ArgumentParser):
    """What another parser takes, or `none`."""

    def __init__(self, parser: flags.ArgumentParser):
        super().__init__()
        self._parser = parser
        self.syntactic_help = f"{parser.syntactic_help}, or none"

    def parse(self, argument):
        return None if argument == "none" else self._parser.parse(argument)

    def flag_type(self):
        return self._parser.flag_type()


class _Sequence(flags.ArgumentParser):
    """Items with commas between: `200,200`."""

    syntactic_help = "numbers with commas between"

    def __init__(self, kind: Callable[[str], Any], *, length: int | None = None):
        super().__init__()
        self._kind, self._length = kind, length
        if length is not None:
            self.syntactic_help = f"{length} values with commas between"
        elif kind not in (int, float):
            self.syntactic_help = "values with commas between"

    def parse(self, argument):
        if isinstance(argument, str):
            # Nothing is what recipes have for an empty default.
            parts = argument.split(",") if argument else ()
            argument = [self._kind(part) for part in parts]
        if self._length not in (None, len(argument)):
            raise ValueError(f"there are {len(argument)}")
        return tuple(argument)

    def flag_type(self):
        return "sequence"


class _Joined(flags.ArgumentSerializer):
    def serialize(self, value):
        items = value if isinstance(value, (tuple, list)) else [value]
        return ",".join(map(_text_of, items))


def _text_of(value: Any) -> str:
    """Returns a value as a command line has it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


class _Named(flags.ArgumentParser):
    """A number for all, and numbers by name: `1e-3,flow:5e-4`."""

    syntactic_help = "a number, or NAME:NUMBER, with commas between"

    def parse(self, argument):
        if isinstance(argument, Mapping):
            return dict(argument)
        named = {}
        # Nothing is what recipes have for an empty default.
        for part in argument.split(",") if argument else ():
            name, _, number = part.rpartition(":")
            if name in named:
                raise ValueError(f"{name or 'all others'} has two")
            named[name] = self._value(number)
        return named

    def _value(self, text: str) -> int | float | str:
        whole = text.isascii() and text.isdigit()
        return int(text) if whole else float(text)

    def flag_type(self):
        return "named"


class _Names(_Named):
    """A name for all, and names by name: `adam,critic:rmsprop`."""

    def __init__(self, choices: tuple[str, ...]):
        super().__init__()
        self._choices = choices
        self.syntactic_help = f"one of {', '.join(choices)}; and such by group"

    def _value(self, text: str) -> str:
        if text not in self._choices:
            raise ValueError(f"{text!r} is none of {', '.join(self._choices)}")
        return text

    def flag_type(self):
        return "names"


class _NamedSerializer(flags.ArgumentSerializer):
    def serialize(self, value):
        return ",".join(
            f"{name}:{one}" if name else f"{one}" for name, one in value.items()
        )
