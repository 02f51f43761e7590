# SPDX-License-Identifier: Apache-2.0
"""The manifest of a checkpoint: which files it has, and that they are whole.

`manifest.json` lists the sizes and SHA-256 of TensorFlow's `variables.*` and of
`state.json`. A folder may come from a stranger: nothing is opened but plain files that
lie in the folder itself and bear a checkpoint's names, and sizes are compared before
anything is hashed.
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

    Each is synced: what is not before a rename may be empty after it, when the power
    fails.
    """
    facts = {
        file.name: {"bytes": file.stat().st_size, "sha256": _sha256(file)}
        for file in sorted(folder.iterdir())
    }
    files.write(folder / NAME, json.dumps(facts))
    files.sync(folder)


def files_of(folder: pathlib.Path) -> list[str]:
    """Returns the names of a checkpoint's files, the manifest last.

    [] where there is no manifest that lists what a checkpoint has: it is not ours.
    """
    facts = _facts(folder)
    return [] if isinstance(facts, str) else [*facts, NAME]


def is_a_name(name: str) -> bool:
    """Returns whether a checkpoint may have a file of that name."""
    return name in (_INDEX, _STATE, NAME) or _DATA.fullmatch(name) is not None


def damage(folder: pathlib.Path, *, hashes: bool = True) -> str | None:
    """Returns what is wrong with a checkpoint, or None.

    Args:
        folder: The checkpoint.
        hashes: Whether to read all of it, or to compare sizes alone.
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
            return f"{name} is no plain file that can be read"
        if size != fact["bytes"]:
            return f"{name} is cut off or changed"
    for name, fact in facts.items() if hashes else ():
        if _sha256(folder / name) != fact["sha256"]:
            return f"{name} is cut off or changed"
    return None


def signature(folder: pathlib.Path) -> tuple:
    """Returns what changes when somebody writes to a file of a checkpoint."""
    found = []
    for name in files_of(folder):
        status = (folder / name).lstat()
        found.append((name, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _facts(folder: pathlib.Path) -> Facts | str:
    """Returns what a manifest lists, or what is wrong with it."""
    try:
        with files.open_regular(folder / NAME) as stream:
            facts = json.loads(stream.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return "its manifest cannot be read"
    if not isinstance(facts, dict) or not all(map(_is_fact, facts.values())):
        return "its manifest is none"
    for name in facts:
        if name == NAME or not is_a_name(name):
            return f"its manifest lists {name!r:.80}, which no checkpoint has"
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
