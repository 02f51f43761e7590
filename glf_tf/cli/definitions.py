# SPDX-License-Identifier: Apache-2.0
"""Defines flags from data classes and constructors, which state the defaults."""

__all__ = [
    "HELP",
    "Part",
    "define_options",
    "define_settings",
    "is_boolean",
    "settings_of",
    "spec_of",
]

import dataclasses
import re
import typing
from collections.abc import Mapping

from absl import flags

from glf_tf import catalogue, recipe
from glf_tf.cli import kinds

FLAGS = flags.FLAGS

HELP = ("help", "h", "helpshort", "helpfull")
"""Flags that ask for help."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A part that a flag chooses, and whose options are flags.

    Attributes:
        kind: Its kind, such as "model"; by default the flag's name as well.
        default: What is chosen without the flag; "" for nothing.
        prefix: What the flags of its options begin with: "" or, say, "network.".
        flag: The flag's name.
    """

    kind: str
    default: str
    prefix: str
    flag: str = ""

    def __post_init__(self):
        """Names the flag after the kind, where it has no other name."""
        object.__setattr__(self, "flag", self.flag or self.kind)

    def owns(self, name: str, flag: str) -> bool:
        """Returns whether a flag is an option of the part if it has a name."""
        if self.prefix or not name:
            return bool(name) and flag.startswith(self.prefix)
        option = flag.partition(".")[0]
        known = catalogue.options(self.kind, name)
        return option in known or option in catalogue.former(self.kind, name)


def define_options(arguments: recipe.Arguments, part: Part) -> None:
    """Defines the flags of a part's options, and of the parts that it is made of.

    Args:
        arguments: The arguments, which name the parts; they forget the options of parts
            that were replaced.
        part: The part.

    Raises:
        InvalidValue: There is no part of the name that is chosen.
    """
    name = arguments.choose(part.flag, default=part.default, owns=part.owns)
    if not name and not part.default:
        return
    for former, present in catalogue.former(part.kind, name).items():
        arguments.rename(part.prefix + former, part.prefix + present)
    for option in catalogue.options(part.kind, name).values():
        flag = part.prefix + option.name
        _define_option(flag, option)
        if option.is_part:
            inner = Part(option.part, option.default, prefix=f"{flag}.", flag=flag)
            define_options(arguments, inner)


def is_boolean(name: str) -> bool | None:
    """Returns whether a flag is true or false, whichever parts are chosen.

    Returns:
        is_boolean: None where no flag and no option of any part has that name.
    """
    if name in FLAGS:
        return FLAGS[name].boolean
    if name in HELP:
        return True
    *before, leaf = name.split(".")
    kind = before[-1] if before else "model"
    if kind not in catalogue.KINDS:
        return None
    found = {
        known[leaf].annotation == "bool"
        for part in catalogue.names(kind)
        if leaf in (known := catalogue.options(kind, part))
    }
    return any(found) if found else None


def _define_option(name: str, option: catalogue.Option) -> None:
    kind = option.annotation.removesuffix(" | None")
    if kind.startswith("Literal["):
        choices = re.findall(r"'([^']*)'", kind)
        flags.DEFINE_enum(name, option.default, choices, option.help)
    elif option.is_part:
        names = catalogue.names(option.part)
        flags.DEFINE_enum(name, option.default, names, option.help)
    elif kind.startswith("tuple[int"):
        kinds.define_sequence(name, option.default, option.help, kind=int)
    else:
        _DEFINERS[kind](name, option.default, option.help)


_DEFINERS = {
    "int": flags.DEFINE_integer,
    "float": flags.DEFINE_float,
    "bool": flags.DEFINE_bool,
    "str": flags.DEFINE_string,
    "types.Path": kinds.define_path,
}


def define_settings(settings: type) -> None:
    """Defines a flag for each field of a data class.

    A field's metadata say "kind": "path" for a path; a literal type lists names.
    """
    help_of = catalogue.described(settings.__doc__, section="Attributes")
    for field in dataclasses.fields(settings):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        default = None if default is dataclasses.MISSING else default
        text = help_of[field.name]
        if choices := _choices_by_name(field.type):
            kinds.define_names(field.name, default, text, choices=choices)
        elif isinstance(default, Mapping) or field.name == "epochs":
            kinds.define_named(field.name, default, text)
        elif names := typing.get_args(field.type):
            flags.DEFINE_enum(field.name, default, names, text)
        elif field.metadata.get("kind") == "path":
            kinds.define_path(field.name, default, text)
        else:
            _DEFINERS[field.type.__name__](field.name, default, text)


def _choices_by_name(annotation) -> tuple[str, ...]:
    """Returns the names that `Mapping[str, Literal[...]]` allows, or none."""
    of_mapping = typing.get_args(annotation)
    return typing.get_args(of_mapping[1]) if len(of_mapping) == 2 else ()


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
            value = spec_of(option.part, value, prefix=f"{flag}.")
        spec[option.name] = value
    return spec
