# SPDX-License-Identifier: Apache-2.0
"""Kinds of flags that absl lacks: paths, sequences, and numbers by name.

A path may begin with `~`, in every tool and wherever it stands in a list.
"""

__all__ = [
    "define_named",
    "define_names",
    "define_overwrite",
    "define_path",
    "define_paths",
    "define_sequence",
]

import os
import pathlib
from collections.abc import Mapping

from absl import flags

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
    name: str, default: tuple, text: str, *, kind: type
) -> flags.FlagHolder:
    """Defines a flag whose value is numbers of a kind with commas between."""
    return _define(_Sequence(kind), name, default, text, serializer=_Joined())


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


class _Sequence(flags.ArgumentParser):
    """Numbers with commas between: `200,200`."""

    syntactic_help = "numbers with commas between"

    def __init__(self, kind: type):
        super().__init__()
        self._kind = kind

    def parse(self, argument):
        if isinstance(argument, str):
            # Nothing is what recipes have for an empty default.
            parts = argument.split(",") if argument else ()
            return tuple(self._kind(part) for part in parts)
        return tuple(argument)

    def flag_type(self):
        return "sequence"


class _Joined(flags.ArgumentSerializer):
    def serialize(self, value):
        return ",".join(map(str, value))


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
