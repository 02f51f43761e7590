# SPDX-License-Identifier: Apache-2.0
"""The help text: a tool's docstring, and its flags in groups."""

__all__ = ["text"]

import re
import shutil
import textwrap
from collections.abc import Iterable

from absl import flags

from glf_tf import resources
from glf_tf.cli import groups

_ORDER = ("run", "training", "model", "data", "devices")
"""The common groups, in the order in which they are listed."""

_OWN = "options"
"""The group of flags that print help."""

_PLACEHOLDERS = {
    "path": "PATH",
    "int": "INT",
    "float": "FLOAT",
    "string": "TEXT",
    "string enum": "NAME",
    "sequence": "N,N",
    "named": "N,NAME:N",
    "names": "NAME,GROUP:NAME",
    "comma separated list of strings": "A,B",
}
_PLACEHOLDER_OF = {"decay_at": "EPOCH:FACTOR,EPOCH:FACTOR"}

_INDENT = 28
_WIDTHS = (70, 100)
"""Minimum and maximum width of a line, in columns."""

_RECIPES = {
    "flagfile=PATH": "A file of flags, read in place of this flag.",
    "recipe=NAME": "A recipe of the library, such as glf/digits; "
    "`glf-tf recipes` lists them.",
}


def text(docstring: str, own_flags: Iterable[flags.Flag]) -> str:
    """Returns the help of a tool.

    Args:
        docstring: The docstring of its script.
        own_flags: All of its flags.
    """
    grouped: dict[str, list[flags.Flag]] = {}
    for flag in own_flags:
        grouped.setdefault(groups.of(flag, default=_OWN), []).append(flag)
    lines = [_as_installed(docstring).rstrip()]
    for title in sorted(grouped, key=_rank):
        lines += ["", f"{title}:"]
        lines += map(_entry, sorted(grouped[title], key=lambda flag: flag.name))
    lines += ["", "recipes:"]
    lines += [_columns(name, said) for name, said in _RECIPES.items()]
    return "\n".join(lines)


def _as_installed(docstring: str) -> str:
    """Returns the docstring, with `glf-tf` commands in an installed wheel."""
    if not resources.IS_INSTALLED:
        return docstring
    commands = re.sub(r"python tools/(\w+)\.py", r"glf-tf \1", docstring)
    commands = commands.replace("--flagfile=flags/", "--recipe=flags/")
    return re.sub(r"\bflags/([\w/]+)\.cfg", r"\1", commands)


def _rank(title: str) -> tuple[int, str]:
    """Returns a group's sort key: the tool's own first, unusual ones last."""
    order = (_OWN, *_ORDER)
    return order.index(title) if title in order else len(order), title


def _entry(flag: flags.Flag) -> str:
    """Returns the lines of a flag."""
    said = [flag.help]
    if isinstance(flag.parser, flags.EnumParser):
        # absl puts them before its help, without blanks for line breaks.
        said[0] = flag.help.partition(">: ")[2]
        choices = filter(None, flag.parser.enum_values)
        said.append(f"One of: {', '.join(choices)}.")
    if default := (flag.default_as_str or "").strip("'"):
        said.append(f"Default: {default}.")
    if flag.boolean:
        return _columns(f"[no]{flag.name}", " ".join(said))
    placeholder = _PLACEHOLDER_OF.get(
        flag.name, _PLACEHOLDERS.get(flag.flag_type(), "VALUE")
    )
    return _columns(f"{flag.name}={placeholder}", " ".join(said))


def _columns(name: str, said: str) -> str:
    """Returns a flag and its help, on the same line or below."""
    least, most = _WIDTHS
    width = min(max(shutil.get_terminal_size((88, 24)).columns, least), most)
    start = f"  --{name}"
    wrapped = textwrap.wrap(
        said, width=width - _INDENT, break_long_words=False, break_on_hyphens=False
    ) or [""]
    beside = len(start) + 2 <= _INDENT
    first = [start.ljust(_INDENT) + wrapped[0]] if beside else [start]
    return "\n".join(
        [*first, *(" " * _INDENT + line for line in wrapped[int(beside) :])]
    )
