# SPDX-License-Identifier: Apache-2.0
"""Kinds of flags that absl lacks: paths, parts, sequences, numbers by name, and none.

All paths may begin with `~`, also in lists.
"""

__all__ = [
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

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags

from glf_tf import catalogue
from glf_tf.cli import parsers


def define_path(name: str, default: str | None, text: str) -> None | flags.FlagHolder:
    """Defines a flag whose value is a path."""
    return _define(
        parsers.PathParser(), name, default, text, serializer=flags.ArgumentSerializer()
    )


def define_overwrite() -> flags.FlagHolder:
    """Defines the flag that lets a tool replace existing files."""
    return flags.DEFINE_bool("overwrite", False, "Replace existing files.")


def define_paths(name: str, default: list | None, text: str) -> flags.FlagHolder:
    """Defines a flag whose value is comma-separated paths."""
    serializer = flags.CsvListSerializer(",")
    return _define(parsers.PathsParser(), name, default, text, serializer=serializer)


def define_sequence(
    name: str,
    default: tuple | None,
    text: str,
    *,
    kind: Callable[[str], Any],
    length: int | None = None,
    is_optional: bool = False,
) -> flags.FlagHolder:
    """Defines a flag whose value is comma-separated items.

    Args:
        name: The flag's name.
        default: The default.
        text: The help.
        kind: Converts the text of an item, such as `int`.
        length: The required number of items; None for any.
        is_optional: Whether `none` is a value.
    """
    parser: flags.ArgumentParser = parsers.SequenceParser(kind, length=length)
    if is_optional:
        parser = parsers.OptionalParser(parser)
    return _define(parser, name, default, text, serializer=parsers.JoinedSerializer())


def define_choice(
    name: str, default: Any, text: str, *, choices: Sequence[Any]
) -> flags.FlagHolder:
    """Defines a flag with given choices: texts, numbers, true, false, none."""
    parser = parsers.ChoiceParser(choices)
    text = f"<{'|'.join(parser.enum_values)}>: {text}"
    return _define(parser, name, default, text, serializer=parsers.JoinedSerializer())


def define_part(
    name: str, default: str | None, option: catalogue.Option
) -> flags.FlagHolder:
    """Defines a flag whose value names a part, built-in or a plug-in.

    Args:
        name: The flag's name.
        default: The name of the default part; None for no part.
        option: The option that holds the part.
    """
    text = f"<{'|'.join(catalogue.names(option.part))}>: {option.help}"
    serializer = flags.ArgumentSerializer()
    return _define(
        parsers.PartParser(option), name, default, text, serializer=serializer
    )


def define_optional(
    name: str, default: float | None, text: str, *, kind: str
) -> flags.FlagHolder:
    """Defines a flag whose value is a number of a kind, "int" or "float", or none."""
    number = flags.IntegerParser() if kind == "int" else flags.FloatParser()
    return _define(
        parsers.OptionalParser(number),
        name,
        default,
        text,
        serializer=parsers.JoinedSerializer(),
    )


def path_of(text: str) -> str:
    """Returns a path, with `~` expanded to the home folder.

    Raises:
        ValueError: It is not a path.
    """
    return parsers.PathParser().parse(text)


def define_named(name: str, default: Mapping | None, text: str) -> flags.FlagHolder:
    """Defines a flag whose value is a number, with other numbers by name."""
    return _define(
        parsers.NamedParser(), name, default, text, serializer=parsers.NamedSerializer()
    )


def define_names(
    name: str, default: Mapping, text: str, *, choices: tuple[str, ...]
) -> flags.FlagHolder:
    """Defines a flag whose value is one of several names, with others by group."""
    return _define(
        parsers.NamesParser(choices),
        name,
        default,
        text,
        serializer=parsers.NamedSerializer(),
    )


def _define(parser, name, default, text, *, serializer) -> flags.FlagHolder:
    return flags.DEFINE(parser, name, default, text, serializer=serializer)
