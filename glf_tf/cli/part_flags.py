# SPDX-License-Identifier: Apache-2.0
"""Defines the flags of parts: their choice, and the options of their constructors.

A part is chosen by a flag, `--prior=mixture`, and its options are dotted flags,
`--prior.components=5`. An option of any name may itself hold a part:
`--prior.inner=real_nvp --prior.inner.blocks=3`. Plug-ins work like built-in parts.
"""

__all__ = [
    "HELP",
    "Part",
    "define",
    "define_options",
    "plugin_lines",
    "read",
    "spec_of",
]

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags

from glf_tf import catalogue, errors, recipe
from glf_tf.cli import option_flags

FLAGS = flags.FLAGS

HELP = ("help", "h", "helpshort", "helpfull")
"""The flags that show help."""

_NONE = "none"


@dataclasses.dataclass(frozen=True)
class Part:
    """A part that is chosen by a flag, with its options as flags.

    Attributes:
        kind: Its kind, such as "model".
        default: The name of the default part; "" for none.
        prefix: The prefix of its options' flags: "", or for instance "network.".
        flag: The flag's name; the kind by default.
        is_optional: Whether `none` chooses no part.
        defaults: Defaults of the default part's options that differ from the part's
            own.
    """

    kind: str
    default: str
    prefix: str
    flag: str = ""
    is_optional: bool = False
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        """Names the flag after the kind, if it has no other name."""
        object.__setattr__(self, "flag", self.flag or self.kind)

    def owns(self, name: str, flag: str) -> bool:
        """Returns whether a flag is an option of the part with a name."""
        if self.prefix or not name:
            return bool(name) and flag.startswith(self.prefix)
        option = flag.partition(".")[0]
        known = catalogue.options(self.kind, name)
        return option in known or option in catalogue.former(self.kind, name)

    def held_by(self, option: catalogue.Option) -> "Part":
        """Returns the part that an option of this one holds."""
        default = option.default
        given = dict(default) if isinstance(default, Mapping) else {"name": default}
        flag = self.prefix + option.name
        return Part(
            option.part,
            given.pop("name") or "",
            prefix=f"{flag}.",
            flag=flag,
            is_optional=option.is_optional,
            defaults=given,
        )


def define(part: Part, text: str) -> None:
    """Defines the flag that chooses a part.

    Args:
        part: The part.
        text: The help text.
    """
    option = catalogue.Option(
        part.flag, "part", part.default or None, help=text, part=part.kind
    )
    option_flags.define(part.flag, option)


def read(words: Sequence[str]) -> recipe.Arguments:
    """Returns the flags of a command line and its recipes.

    If it names a plug-in, it is read twice: which flags of the plug-in are boolean is
    only known after the first time.

    Raises:
        UserError: An argument is not a flag, or a recipe cannot be read.
    """
    arguments = recipe.expand(words, is_boolean=_is_boolean)
    if _import_plugins(arguments):
        arguments = recipe.expand(words, is_boolean=_is_boolean)
    return arguments


def _import_plugins(arguments: Iterable[recipe.Argument]) -> bool:
    """Imports the plug-ins that flags name, including those that are replaced later.

    Returns:
        found: Whether there are any.
    """
    waiting = [argument for argument in arguments if _may_be_plugin(argument.value)]
    found = False
    while True:
        held = [argument for argument in waiting if _import(argument)]
        if not held:
            return found
        # An option of one may hold another.
        waiting = [argument for argument in waiting if argument not in held]
        found = True


def _import(argument: recipe.Argument) -> bool:
    """Imports the plug-in of a flag; returns whether there is one."""
    for kind in _kinds_of(argument.name.split(".")):
        # Errors are raised when the part is finally chosen.
        with contextlib.suppress(errors.UserError):
            if catalogue.is_plugin(kind, argument.value):
                catalogue.options(kind, argument.value)
                return True
    return False


def define_options(arguments: recipe.Arguments, part: Part) -> None:
    """Defines the flags of a part's options, and of the parts that they hold.

    Args:
        arguments: The arguments, which choose the parts; options of replaced parts are
            removed from them.
        part: The part.

    Raises:
        InvalidValue: There is no part with the chosen name, or one of its options has
            the name of a flag of the tool.
    """
    for flag, option in _walk(arguments, part):
        if flag in FLAGS:
            raise errors.InvalidValue(
                "An option of a part must not have the name of a flag of the tool",
                received=f"--{flag} of a {part.kind}, which the tool has too",
                do="Give the part's option another name",
            )
        option_flags.define(flag, option)


def spec_of(kind: str, name: str, *, prefix: str) -> dict:
    """Returns the specification of a part from the flags of `define_options`."""
    spec = {"name": name}
    for option in catalogue.options(kind, name).values():
        if option.is_flag:
            flag = prefix + option.name
            value = FLAGS[flag].value
            if option.is_part and value is not None:
                value = spec_of(option.part, value, prefix=f"{flag}.")
            spec[option.name] = value
    return spec


def plugin_lines() -> list[str]:
    """Returns a line for each installed plug-in, for the help text.

    None is imported, so that help stays quick whatever is installed.
    """
    return [
        f"  {kind} {plugin.name}, of {plugin.source} ({_use_of(plugin)})"
        for kind in catalogue.KINDS
        for plugin in catalogue.plugins(kind)
    ]


def _use_of(plugin: catalogue.Plugin) -> str:
    if plugin.name in catalogue.names(plugin.kind):
        return f"not used, as a built-in part has this name; {plugin.target} is"
    return plugin.target


def _walk(
    arguments: recipe.Arguments, part: Part
) -> Iterator[tuple[str, catalogue.Option]]:
    """Yields the flags of a part's options and of its inner parts, with the options."""
    name = arguments.choose(part.flag, default=part.default, owns=part.owns)
    is_none = part.is_optional and name == _NONE
    if is_none or (not name and not part.default):
        return
    for former, present in catalogue.former(part.kind, name).items():
        arguments.rename(part.prefix + former, part.prefix + present)
    defaults = part.defaults if name == part.default else {}
    for option in catalogue.options(part.kind, name).values():
        if not option.is_flag:
            continue
        if option.name in defaults:
            option = dataclasses.replace(option, default=defaults[option.name])
        yield part.prefix + option.name, option
        if option.is_part:
            yield from _walk(arguments, part.held_by(option))


def _may_be_plugin(value: str) -> bool:
    return ":" in value or any(
        value == plugin.name
        for kind in catalogue.KINDS
        for plugin in catalogue.plugins(kind)
    )


def _is_boolean(name: str) -> bool | None:
    """Returns whether a flag is boolean, whichever parts are chosen.

    Returns:
        is_boolean: None if no flag and no option of any part has that name.
    """
    if name in FLAGS:
        return FLAGS[name].boolean
    if name in HELP:
        return True
    *before, leaf = name.split(".")
    found = {
        known[leaf].kind == "bool" and not known[leaf].is_sequence
        for kind in (_kinds_of(before) if before else ["model"])
        for known in _all_options(kind)
        if leaf in known
    }
    return any(found) if found else None


def _kinds_of(holders: Sequence[str]) -> set[str]:
    """Returns the kinds of part that a flag may hold: of `["prior", "inner"]`, "flow".

    Args:
        holders: The words of the flag: the first is a kind, or an option of any part,
            and each following word is an option of the part before it.
    """
    kinds = {holders[0]} & set(catalogue.KINDS)
    of_kinds = set(catalogue.KINDS)
    for holder in holders:
        kinds |= {
            known[holder].part
            for kind in of_kinds
            for known in _all_options(kind)
            if holder in known and known[holder].is_part
        }
        kinds, of_kinds = set(), kinds
    return of_kinds


def _all_options(kind: str) -> Iterator[Mapping[str, catalogue.Option]]:
    """Yields the options of all built-in parts of a kind, and of plug-ins in use."""
    for name in (*catalogue.names(kind), *catalogue.plugins_in_use(kind)):
        yield catalogue.options(kind, name)
