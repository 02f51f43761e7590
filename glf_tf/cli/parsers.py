# SPDX-License-Identifier: Apache-2.0
"""Parsers and serializers of the flags that `kinds` defines."""

__all__ = [
    "ChoiceParser",
    "JoinedSerializer",
    "NamedParser",
    "NamedSerializer",
    "NamesParser",
    "OptionalParser",
    "PartParser",
    "PathParser",
    "PathsParser",
    "SequenceParser",
]

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags

from glf_tf import catalogue

_LONGEST_NAME, _LONGEST_PATH = 255, 4095


class PathParser(flags.ArgumentParser):
    """A path, with `~` expanded to the home folder."""

    syntactic_help = "a path"

    def parse(self, argument):
        """Returns the value that a text stands for; a value as it is."""
        try:
            path = str(pathlib.Path(argument).expanduser()) if argument else argument
        except RuntimeError as error:
            raise ValueError("there is no such user's home folder") from error
        data = os.fsencode(path)
        longest = max(map(len, data.split(b"/")))
        if longest > _LONGEST_NAME or len(data) > _LONGEST_PATH:
            raise ValueError("the name is too long for a file system")
        return path

    def flag_type(self):
        """Returns the name of the kind."""
        return "path"


class PathsParser(flags.ListParser):
    """Comma-separated paths."""

    syntactic_help = "comma-separated paths"

    def parse(self, argument):
        """Returns the value that a text stands for; a value as it is."""
        if isinstance(argument, list):
            return argument
        return [PathParser().parse(part) for part in super().parse(argument)]

    def flag_type(self):
        """Returns the name of the kind."""
        return "paths"


class ChoiceParser(flags.EnumParser):
    """One of several values, given by its text: 3, true, none, or a name."""

    def __init__(self, choices: Sequence[Any]):
        self._values = {_text_of(choice): choice for choice in choices}
        super().__init__(list(self._values))

    def parse(self, argument):
        """Returns the value of a text, or the value itself."""
        return self._values[super().parse(_text_of(argument))]


class PartParser(flags.EnumParser):
    """The name of a part; `none` if the part is optional."""

    def __init__(self, option: catalogue.Option):
        # Without installed plug-ins, which take time to find.
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
        """Returns the value that a text stands for; a value as it is."""
        if self._option.is_optional and argument == "none":
            return None
        is_known = argument in self._built_in
        if not (is_known or catalogue.is_plugin(self._option.part, argument)):
            raise ValueError("there is no such part")
        return argument


class OptionalParser(flags.ArgumentParser):
    """A value of another parser, or `none`."""

    def __init__(self, parser: flags.ArgumentParser):
        super().__init__()
        self._parser = parser
        self.syntactic_help = f"{parser.syntactic_help}, or none"

    def parse(self, argument):
        """Returns the value that a text stands for; a value as it is."""
        return None if argument == "none" else self._parser.parse(argument)

    def flag_type(self):
        """Returns the name of the kind."""
        return self._parser.flag_type()


class SequenceParser(flags.ArgumentParser):
    """Comma-separated items: `200,200`."""

    syntactic_help = "comma-separated numbers"

    def __init__(self, kind: Callable[[str], Any], *, length: int | None = None):
        super().__init__()
        self._kind, self._length = kind, length
        if length is not None:
            self.syntactic_help = f"{length} comma-separated values"
        elif kind not in (int, float):
            self.syntactic_help = "comma-separated values"

    def parse(self, argument):
        """Returns the value that a text stands for; a value as it is."""
        if isinstance(argument, str):
            # Recipes have an empty value for an empty default.
            parts = argument.split(",") if argument else ()
            argument = [self._kind(part) for part in parts]
        if self._length not in (None, len(argument)):
            raise ValueError(f"there are {len(argument)}")
        return tuple(argument)

    def flag_type(self):
        """Returns the name of the kind."""
        return "sequence"


class JoinedSerializer(flags.ArgumentSerializer):
    """Values with commas between."""

    def serialize(self, value):
        """Returns the text of a value."""
        items = value if isinstance(value, (tuple, list)) else [value]
        return ",".join(map(_text_of, items))


def _text_of(value: Any) -> str:
    """Returns a value as text for a command line."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


class NamedParser(flags.ArgumentParser):
    """A number for all, with other numbers by name: `1e-3,flow:5e-4`."""

    syntactic_help = "a number or NAME:NUMBER, comma-separated"

    def parse(self, argument):
        """Returns the value that a text stands for; a value as it is."""
        if isinstance(argument, Mapping):
            return dict(argument)
        named = {}
        # Recipes have an empty value for an empty default.
        for part in argument.split(",") if argument else ():
            name, _, number = part.rpartition(":")
            if name in named:
                raise ValueError(f"{name or 'the default'} is given twice")
            named[name] = self._value(number)
        return named

    def _value(self, text: str) -> int | float | str:
        whole = text.isascii() and text.isdigit()
        return int(text) if whole else float(text)

    def flag_type(self):
        """Returns the name of the kind."""
        return "named"


class NamesParser(NamedParser):
    """A name for all, with other names by group: `adam,critic:rmsprop`."""

    def __init__(self, choices: tuple[str, ...]):
        super().__init__()
        self._choices = choices
        self.syntactic_help = f"one of {', '.join(choices)}, also by group"

    def _value(self, text: str) -> str:
        if text not in self._choices:
            raise ValueError(f"{text!r} is none of {', '.join(self._choices)}")
        return text

    def flag_type(self):
        """Returns the name of the kind."""
        return "names"


class NamedSerializer(flags.ArgumentSerializer):
    """Values by name."""

    def serialize(self, value):
        """Returns the text of a value."""
        return ",".join(
            f"{name}:{setting}" if name else f"{setting}"
            for name, setting in value.items()
        )
