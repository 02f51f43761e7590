# SPDX-License-Identifier: Apache-2.0
"""Presets: trained models that come with the library, and what is known of them.

A preset is the folder of a run, `presets/FAMILY/NAME/`, with all that loads it (its
description, its flags, one checkpoint, mostly in float16) and `preset.json`:

    title      what it draws, in a line
    command    how it was trained
    commit     of the source that trained it
    trained    on what, and how long
    measured   records of `tools/evaluate.py`, of the weights that are here
    measured_before    the same of the run's own weights, in float32

`tools/make_preset.py` makes one from any run.
"""

__all__ = ["Preset", "known", "named", "read"]

import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from absl import logging

from glf_tf import errors, files, resources
from glf_tf.experiments import folder as folder_lib
from glf_tf.metrics import written

_MOST_BYTES = 2**22
_TEXTS = ("title", "command", "commit", "trained")
_USED = {"source": str, "samples": int, "references": int, "reference_split": str}
"""What is shown of a protocol."""


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Preset:
    """A trained model, and its figures; `print` shows them.

    Attributes:
        name: Its name, such as "glf/digits", or its path.
        path: Its folder, which is that of a run.
        title: What it draws, in a line.
        command: How it was trained.
        commit: The commit of the source that trained it.
        trained: On what, and how long.
        measured: What was measured of it, records of `tools/evaluate.py` with "title",
            "mean", "std" and "protocol".
        measured_before: The same of the weights before they were rounded to float16.
    """

    name: str
    path: pathlib.Path
    title: str
    command: str
    commit: str
    trained: str
    measured: Sequence[Mapping] = ()
    measured_before: Sequence[Mapping] = ()

    def __str__(self) -> str:
        """Returns the name, how it was trained, and its figures with their protocol."""
        return "\n".join(self._lines())

    def __repr__(self) -> str:
        return f"<{self.name}: {self.title}>"

    def _lines(self) -> Iterator[str]:
        yield f"{self.name}: {self.title}"
        yield f"  folder   {self.path}"
        commit = self.commit and f"commit {self.commit}"
        yield f"  trained  {self.command}"
        yield f"           {'; '.join(filter(None, (self.trained, commit)))}"
        before = {_key(record): record for record in self.measured_before}
        for record in self.measured:
            rest = before.get(_key(record))
            float32 = f" (in float32: {_value(rest)})" if rest else ""
            yield f"  {_key(record)}: {_value(record)}{float32}"


def known() -> dict[str, Preset]:
    """Returns the presets of the library by their names; warns of damaged ones."""
    found = {}
    for name, path in resources.presets().items():
        try:
            found[name] = read(path, name=name)
        except errors.Damaged as error:
            logging.warning("%s", error)
    return found


def named(name: str) -> Preset:
    """Returns a preset of the library.

    Args:
        name: Its name, such as "glf/digits".

    Raises:
        InvalidValue: There is none of that name.
        Damaged: Its description is.
    """
    found = resources.presets()
    if name not in found:
        raise errors.InvalidValue(
            "A preset is one of the trained models that come with the library",
            received=repr(name),
            do=errors.suggestion(name, found),
        )
    return read(found[name], name=name)


def read(path: pathlib.Path, *, name: str = "") -> Preset:
    """Returns the preset in a folder.

    Args:
        path: The folder.
        name: Its name; by default its path.

    Raises:
        NotFound: There is no preset.
        Damaged: Its description is.
    """
    file = path / folder_lib.PRESET
    try:
        with files.open_regular(file) as stream:
            found = json.loads(stream.read(_MOST_BYTES))
        texts = {key: found[key] for key in _TEXTS}
        records = {key: found[key] for key in ("measured", "measured_before")}
        if not _is_valid(texts, records):
            raise ValueError
    except FileNotFoundError as error:
        raise errors.NotFound(
            "The folder of a preset has preset.json",
            received=f"{path}, which has none",
            do="Make one from a run with tools/make_preset.py",
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise errors.Damaged(
            "The folder of a preset has a whole preset.json",
            received=f"{file}, which is damaged",
            do="Install the library anew, or make the preset again",
        ) from error
    return Preset(name=name or str(path), path=path, **texts, **records)


def _is_valid(texts: Mapping, records: Mapping) -> bool:
    lists = [record for found in records.values() for record in list(found)]
    return all(isinstance(text, str) for text in texts.values()) and all(
        isinstance(record["title"], str)
        and isinstance(record["mean"], float)
        and isinstance(record.get("std"), (float, type(None)))
        and all(
            isinstance(record["protocol"][name], kind) for name, kind in _USED.items()
        )
        for record in lists
    )


def _key(record: Mapping) -> str:
    """Returns what a record measured, such as "nll of reconstructions"."""
    used = record["protocol"]
    against = f"{used['references']:,} {used['reference_split']}"
    return f"{record['title']}, {used['samples']:,} {used['source']} to {against}"


def _value(record: Mapping) -> str:
    return written.number(record["mean"], record.get("std"))
