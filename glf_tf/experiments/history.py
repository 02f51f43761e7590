# SPDX-License-Identifier: Apache-2.0
"""The history of a run: the flags, data, devices and versions of each of its parts.

A run that is resumed without changes keeps its last entry. A run that is resumed with
other flags, data, devices or versions gets a new entry, numbered from 1, which holds
from its step on. Entries are never removed: if a run was resumed before the step of an
entry, because later checkpoints were lost, a new entry at the earlier step replaces it
(`in_effect`). Training with each entry up to the step of the next repeats the run.
"""

__all__ = ["OF_PYTHON", "Entry", "read", "extended", "in_effect", "flags_name"]

import dataclasses
import functools
import hashlib
import importlib.metadata
import pathlib
from collections.abc import Mapping, Sequence

import glf_tf

OF_PYTHON = "# Trained by `fit` in Python: run.json has the model."
"""The first line of a recipe that no tool was given."""

_LIBRARIES = ("tensorflow", "keras", "tensorflow-probability")


@functools.cache
def _versions() -> dict[str, str]:
    """Returns the versions of the libraries, and a digest of this library's source."""
    found = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    root = pathlib.Path(glf_tf.__file__).parent
    sha = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        # A wheel has the tools inside the package, a clone next to it.
        if file.is_relative_to(root / "tools"):
            continue
        sha.update(file.relative_to(root).as_posix().encode() + b"\0")
        sha.update(file.read_bytes())
    return {"glf_tf": f"{glf_tf.__version__}+{sha.hexdigest()[:12]}", **found}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """The settings of a run from a step on.

    Attributes:
        number: Its number, from 1.
        step: The global step from which it holds.
        changed: The differences from the entry before, as `{name: [before, after]}`:
            flags, data (such as "data train images"), "replicas", versions.
        recipe: All flags, one a line; or, after `OF_PYTHON`, what `fit` was given.
        data: `ImageSet.identity` of "train" and "test"; empty if not recorded.
        replicas: Number of devices that share a batch; 0 if not recorded.
        versions: Versions of the libraries; empty if not recorded.
    """

    number: int
    step: int
    changed: Mapping[str, Sequence]
    recipe: str
    data: Mapping[str, Mapping]
    replicas: int
    versions: Mapping[str, str] = dataclasses.field(default_factory=_versions)


def read(described: Mapping) -> list[Entry]:
    """Returns the history in a description; [] in one of an older version."""
    names = [field.name for field in dataclasses.fields(Entry)]
    return [
        Entry(**{name: entry[name] for name in names}) for entry in described["history"]
    ]


def extended(entries: Sequence[Entry], now: Entry) -> list[Entry]:
    """Returns the entries, with a new one if the settings have changed.

    Args:
        entries: The entries so far.
        now: The settings from `now.step` on; its number and changes are filled in.
    """
    if not entries:
        return [dataclasses.replace(now, number=1, changed={})]
    last = entries[-1]
    changed = _changed(last, now)
    if not changed and now.step >= last.step:
        return list(entries)
    return [
        *entries,
        dataclasses.replace(now, number=last.number + 1, changed=changed),
    ]


def in_effect(entries: Sequence[Entry]) -> list[Entry]:
    """Returns the entries that produced the present state, with ascending steps."""
    held: list[Entry] = []
    for entry in entries:
        held = [earlier for earlier in held if earlier.step < entry.step]
        held.append(entry)
    return held


def flags_name(number: int) -> str:
    """Returns the name of the file of an entry's flags."""
    return "flags.cfg" if number == 1 else f"flags.{number}.cfg"


def _changed(before: Entry, after: Entry) -> dict[str, list]:
    """Returns the differences between recorded values."""
    found = _differing(_flags(before.recipe), _flags(after.recipe))
    for split in before.data:
        facts = _differing(before.data[split], after.data.get(split, {}))
        found |= {f"data {split} {name}": pair for name, pair in facts.items()}
    if before.replicas and before.replicas != after.replicas:
        found["replicas"] = [before.replicas, after.replicas]
    if before.versions:
        found |= _differing(before.versions, after.versions)
    return found


def _flags(recipe: str) -> dict[str, str]:
    """Returns the values of a recipe's flags, with booleans as text."""
    values = {}
    for line in recipe.splitlines():
        name, equals, value = line.strip().removeprefix("--").partition("=")
        if not name or name.startswith("#"):
            continue
        if not equals:
            value = str(not name.startswith("no")).lower()
            name = name.removeprefix("no")
        values[name] = value
    return values


def _differing(before: Mapping, after: Mapping) -> dict[str, list]:
    names = sorted({*before, *after})
    pairs = {name: [before.get(name), after.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
