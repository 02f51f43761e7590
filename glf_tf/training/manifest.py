# SPDX-License-Identifier: Apache-2.0
"""The manifest of a checkpoint, which lists its files and verifies them.

`manifest.json` lists the sizes and SHA-256 of TensorFlow's `variables.*` and of
`state.json`. As a folder may be untrusted, only regular files in it with names of a
checkpoint are opened, and sizes are compared before files are hashed.
"""

__all__ = ["NAME", "seal", "files_of", "is_a_name", "damage", "signature"]

import hashlib
import json
import pathlib
import re

from glf_tf import files

NAME = "manifest.json"
_INDEX, _STATE = "variables.index", "state.json"
_DATA = re.compile(r"variables\.data-([0-9]{5})-of-([0-9]{5})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 2**20

Facts = dict[str, dict]


def seal(folder: pathlib.Path) -> None:
    """Writes `manifest.json`, the size and SHA-256 of each file of a checkpoint.

    Each file is synced: otherwise a power failure after the rename could leave it
    empty.
    """
    facts = {
        file.name: {"bytes": file.stat().st_size, "sha256": _sha256(file)}
        for file in sorted(folder.iterdir())
    }
    files.write(folder / NAME, json.dumps(facts))
    files.sync(folder)


def files_of(folder: pathlib.Path) -> list[str]:
    """Returns the names of a checkpoint's files, the manifest last.

    [] without a valid manifest: then it is not the library's.
    """
    facts = _facts(folder)
    return [] if isinstance(facts, str) else [*facts, NAME]


def is_a_name(name: str) -> bool:
    """Returns whether a name is that of a checkpoint's file."""
    return name in (_INDEX, _STATE, NAME) or _DATA.fullmatch(name) is not None


def damage(folder: pathlib.Path, *, hashes: bool = True) -> str | None:
    """Returns what is wrong with a checkpoint, or None.

    Args:
        folder: The checkpoint.
        hashes: Whether to compare hashes, or sizes alone.
    """
    facts = _facts(folder)
    if isinstance(facts, str):
        return facts
    for name, fact in facts.items():
        try:
            with files.open_regular(folder / name) as stream:
                size = stream.seek(0, 2)
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError:
            return f"{name} is not a readable regular file"
        if size != fact["bytes"]:
            return f"{name} is truncated or changed"
    for name, fact in facts.items() if hashes else ():
        if _sha256(folder / name) != fact["sha256"]:
            return f"{name} is truncated or changed"
    return None


def signature(folder: pathlib.Path) -> tuple:
    """Returns a key that changes when a file of a checkpoint is written."""
    found = []
    for name in files_of(folder):
        status = (folder / name).lstat()
        found.append((name, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _facts(folder: pathlib.Path) -> Facts | str:
    """Returns the entries of a manifest, or what is wrong with it."""
    try:
        with files.open_regular(folder / NAME) as stream:
            facts = json.loads(stream.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return "its manifest cannot be read"
    if not isinstance(facts, dict) or not all(map(_is_fact, facts.values())):
        return "its manifest is invalid"
    for name in facts:
        if name == NAME or not is_a_name(name):
            return f"its manifest lists {name!r:.80}, which is not a checkpoint's"
    for name in (_INDEX, _STATE):
        if name not in facts:
            return f"its manifest does not list {name}"
    if not _has_all_data(facts):
        return "its manifest does not list all variables.data"
    return facts


def _is_fact(fact: object) -> bool:
    return (
        isinstance(fact, dict)
        and type(fact.get("bytes")) is int
        and isinstance(fact.get("sha256"), str)
        and _SHA256.fullmatch(fact["sha256"]) is not None
    )


def _has_all_data(facts: Facts) -> bool:
    found = [match.groups() for name in facts if (match := _DATA.fullmatch(name))]
    count = len(found)
    return count > 0 and sorted(found) == [
        (f"{place:05d}", f"{count:05d}") for place in range(count)
    ]


def _sha256(file: pathlib.Path) -> str | None:
    try:
        with files.open_regular(file) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
