# SPDX-License-Identifier: Apache-2.0
"""Defines flags from dataclasses, which state the defaults."""

__all__ = ["define_settings", "settings_of"]

import dataclasses
import typing
from collections.abc import Mapping

from absl import flags

from glf_tf import catalogue
from glf_tf.cli import kinds

FLAGS = flags.FLAGS

_DEFINERS = {
    "int": flags.DEFINE_integer,
    "float": flags.DEFINE_float,
    "bool": flags.DEFINE_bool,
    "str": flags.DEFINE_string,
}


def define_settings(settings: type) -> None:
    """Defines a flag for each field of a dataclass.

    A field's metadata is {"kind": "path"} for a path; a literal type lists names.
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
    """Returns the names that `Mapping[str, Literal[...]]` allows, if it is one."""
    of_mapping = typing.get_args(annotation)
    return typing.get_args(of_mapping[1]) if len(of_mapping) == 2 else ()


def settings_of(settings: type):
    """Returns a dataclass with the flags' values."""
    values = {}
    for field in dataclasses.fields(settings):
        value = FLAGS[field.name].value
        if field.default_factory is not dataclasses.MISSING:
            # With values for some groups alone, the others keep their default.
            value = {**field.default_factory(), **value}
        values[field.name] = value
    return settings(**values)
