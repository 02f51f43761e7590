# SPDX-License-Identifier: Apache-2.0
"""The index of the built-in parts and their options, stored in `index.json`.

It makes options known without importing a part, which would load TensorFlow. It has
digests of the sources that it was made from. If they differ, or a file was added or
removed, all parts are imported and inspected instead, so the index is never stale.
"""

__all__ = ["FILE", "Entry", "entries", "is_fresh", "made", "text_of"]

import dataclasses
import functools
import hashlib
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from glf_tf import quiet
from glf_tf.catalogue import builtin
from glf_tf.catalogue.kinds import KINDS, Kind
from glf_tf.catalogue.option import Option

FILE = pathlib.Path(__file__).with_name("index.json")

_PACKAGE = pathlib.Path(__file__).parents[1]
_SOURCES = ("bijectors", "catalogue", *(kind.folder for kind in KINDS.values()))
"""Folders of all sources that determine the options."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A built-in part.

    Attributes:
        class_name: The class in the part's file.
        options: Its options, by name.
    """

    class_name: str
    options: Mapping[str, Option]


@functools.cache
def entries(kind: Kind) -> Mapping[str, Entry]:
    """Returns the built-in parts of a kind by name, from the index if it is current."""
    if is_fresh():
        return _read()[kind.name]
    return _inspected(kind)


@functools.cache
def is_fresh() -> bool:
    """Returns whether the index was made from the present sources."""
    return _content().get("digests") == dict(_digests())


def made() -> dict[str, Mapping[str, Entry]]:
    """Returns `{kind: {name: entry}}` of all built-in parts, imported and inspected."""
    return {kind.name: _inspected(kind) for kind in KINDS.values()}


def text_of(parts: Mapping[str, Mapping[str, Entry]]) -> str:
    """Returns the text of `index.json`: one digest or option per line, sorted."""
    digests = [
        f"    {json.dumps(name)}: {json.dumps(digest)}" for name, digest in _digests()
    ]
    lines = ["{", '  "digests": {', ",\n".join(digests), "  },", '  "parts": {']
    lines.append(",\n".join(_part_lines(parts)))
    return "\n".join([*lines, "  }", "}", ""])


def _part_lines(parts: Mapping[str, Mapping[str, Entry]]) -> Iterator[str]:
    for kind in sorted(parts):
        for name in sorted(parts[kind]):
            entry = parts[kind][name]
            rows = [f'      "class": {json.dumps(entry.class_name)}']
            rows += [
                f"      {json.dumps('--' + option.name)}: {_json_of(option)}"
                for option in entry.options.values()
            ]
            yield (
                f"    {json.dumps(f'{kind} {name}')}: {{\n"
                + ",\n".join(rows)
                + "\n    }"
            )


def _json_of(option: Option) -> str:
    """Returns an option as JSON, without its name and fields with usual values."""
    fields = dataclasses.asdict(option)
    usual = {field.name: field.default for field in dataclasses.fields(Option)}
    del fields["name"]
    changed = {name: value for name, value in fields.items() if value != usual[name]}
    return json.dumps({**changed, "default": option.default}, sort_keys=True)


@functools.cache
def _inspected(kind: Kind) -> Mapping[str, Entry]:
    quiet.load_tensorflow()
    from glf_tf.catalogue import inspecting  # loads TensorFlow

    return {
        name: Entry(cls.__name__, inspecting.options_of(cls))
        for name, cls in builtin.scanned(kind).items()
    }


@functools.cache
def _read() -> dict[str, dict[str, Entry]]:
    """Returns the index, `{kind: {name: entry}}`."""
    found: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
    for title, rows in _content()["parts"].items():
        kind, name = title.split()
        class_name = rows.pop("class")
        options = {row[2:]: _option(row[2:], fields) for row, fields in rows.items()}
        found[kind][name] = Entry(class_name, options)
    return found


def _option(name: str, fields: Mapping[str, Any]) -> Option:
    option = Option(name=name, **fields)
    default = option.default
    if option.is_sequence and default is not None:
        default = tuple(default)
    return dataclasses.replace(option, default=default, choices=tuple(option.choices))


@functools.cache
def _content() -> dict:
    """Returns the content of the index; empty if it cannot be read."""
    try:
        return json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _digests() -> Iterable[tuple[str, str]]:
    """Returns sorted pairs of a source file and its digest."""
    files = [_PACKAGE / name for name in ("signatures.py", "types.py")]
    for folder in sorted(_SOURCES):
        files += sorted((_PACKAGE / folder).glob("*.py"))
    return [(file.relative_to(_PACKAGE).as_posix(), _digest(file)) for file in files]


def _digest(file: pathlib.Path) -> str:
    # Some systems check out text with other line endings.
    data = file.read_bytes().replace(b"\r\n", b"\n")
    return hashlib.blake2b(data, digest_size=8).hexdigest()
