# SPDX-License-Identifier: Apache-2.0
"""Folders that are whole or not there: a manifest of sizes and hashes, and a rename."""

__all__ = ["seal", "damage", "replace"]

import hashlib
import json
import os
import pathlib
import shutil

_NAME = "manifest.json"
_REPLACED = ".replaced"


def seal(folder: pathlib.Path) -> None:
    """Writes `manifest.json`, the size and SHA-256 of each file, and syncs all of them.

    What is not synced before a rename may be empty after it, when the power fails.
    """
    facts = {
        file.name: {"bytes": file.stat().st_size, "sha256": _sha256(file)}
        for file in sorted(folder.iterdir())
        if file.name != _NAME
    }
    (folder / _NAME).write_text(json.dumps(facts))
    for path in (*folder.iterdir(), folder):
        _sync(path)


def damage(folder: pathlib.Path) -> str | None:
    """Returns what is wrong with a sealed folder, or None."""
    try:
        facts = json.loads((folder / _NAME).read_text())
    except (OSError, ValueError):
        return "its manifest cannot be read"
    for name, fact in facts.items():
        file = folder / name
        if not file.exists():
            return f"{name} is missing"
        if file.stat().st_size != fact["bytes"] or _sha256(file) != fact["sha256"]:
            return f"{name} is cut off or changed"
    return None


def replace(folder: pathlib.Path, target: pathlib.Path) -> None:
    """Renames a folder to `target`; one that is there is removed after it has moved.

    A kill in between leaves `target` missing for a moment's work, never half of it.
    """
    replaced = target.with_name(target.name + _REPLACED)
    shutil.rmtree(replaced, ignore_errors=True)
    if target.exists():
        target.rename(replaced)
    folder.rename(target)
    shutil.rmtree(replaced, ignore_errors=True)
    _sync(target.parent)


def _sync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(file: pathlib.Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
