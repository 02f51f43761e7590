# SPDX-License-Identifier: Apache-2.0
"""The layout of a run's folder."""

__all__ = ["PRESET", "Folder"]

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Mapping

from absl import logging

from glf_tf import errors, files, folders
from glf_tf.experiments import description, locking

PRESET = "preset.json"
"""The file that makes a run a preset."""

_DESCRIPTIONS = ("run.json", "run.copy.json")

_WRITTEN = (
    *("lock", "flags.cfg", *_DESCRIPTIONS, "metrics.jsonl"),
    *("checkpoints", "samples", "samples/steps", "saved_model", "tensorboard"),
)


@dataclasses.dataclass(frozen=True)
class Folder:
    """The folder of a run.

    flags.cfg   repeats the run: `tools/train.py --flagfile=flags.cfg`; or tells
                   what `fit` was given in Python
    flags.2.cfg the flags with which it was resumed, if they differ; and so on
    run.json    data set, model and history, for loading the run
    run.copy.json  a copy of run.json, in case one is damaged
    metrics.jsonl  all scalars, one line per step
    checkpoints/   the newest, and the best
    tensorboard/   events
    samples/       pictures
    saved_model/   the exported model
    lock           held by the process that trains
    preset.json    in the place of the last five, if it is a preset; see `presets.py`

    Attributes:
        path: The folder.
    """

    path: pathlib.Path

    @property
    def flags(self) -> pathlib.Path:
        """The recipe."""
        return self.path / "flags.cfg"

    @property
    def description(self) -> pathlib.Path:
        """The data set, the model and the history."""
        return self.path / "run.json"

    @property
    def holds_run(self) -> bool:
        """Whether the folder has a run."""
        return any((self.path / name).exists() for name in _DESCRIPTIONS)

    @property
    def is_preset(self) -> bool:
        """Whether it is a preset, of which nothing changes."""
        return (self.path / PRESET).exists()

    @property
    def checkpoints(self) -> pathlib.Path:
        """The checkpoints."""
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> pathlib.Path:
        """The events."""
        return self.path / "tensorboard"

    @property
    def pictures(self) -> pathlib.Path:
        """The pictures."""
        return self.path / "samples"

    @property
    def saved_model(self) -> pathlib.Path:
        """The exported model."""
        return self.path / "saved_model"

    def read(self) -> dict:
        """Returns the content of `run.json`, or of its copy if that is damaged.

        Its keys: `dataset` and `model`, specifications with all their options;
        `arguments`, the model's arguments that follow from the data; `batch_size` and
        `seed`; `data_dir`, `data_source` and `data`, the origin and identity of the
        images; `history`, a list of `history.Entry` as mappings.

        Raises:
            NotFound: There is no run in the folder.
            Damaged: Both `run.json` and its copy are damaged.
        """
        damage = None
        for name in _DESCRIPTIONS:
            try:
                found = description.read(self.path / name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except errors.Damaged as error:
                damage = damage or error
                continue
            if name != _DESCRIPTIONS[0]:
                logging.warning("%s is used: %s", name, damage or "run.json is missing")
            return found
        raise damage or errors.NotFound(
            "A run's folder holds run.json and checkpoints/",
            received=f"{self.path}, which has no run.json",
            do="Pass the --workdir of a run of tools/train.py",
        )

    def lock(self) -> contextlib.AbstractContextManager[int]:
        """Locks the folder while this process runs.

        Raises:
            Busy: On entering, if another process trains in the folder.
        """
        return locking.locked(
            self.path / "lock",
            rule="Only one process at a time may train in a folder",
            received=f"--workdir={self.path}, in which another process trains",
        )

    def check_own(self) -> None:
        """Checks that training may write here.

        Without a run, the folder must be empty, except for the files of an interrupted
        start: its lock and recipe.

        Raises:
            Occupied: The folder has other content, or a link in the place of an output.
        """
        for name in _WRITTEN:
            files.check_no_link(self.path / name)
        if self.is_preset:
            raise errors.Occupied(
                "A preset is a finished model, which no training changes",
                received=f"{self.path}, which is one",
                do="Pass another --workdir, and the preset as --start_from",
            )
        if not self.holds_run:
            # A recipe without a lock is a user's file, not an interrupted start.
            is_begun = locking.is_a_lock(self.path / "lock")
            ours = ("lock", "flags.cfg") if is_begun else ()
            folders.check_new(self.path, ours=(*ours, "training.log"))

    def write(self, name: str, text: str) -> None:
        """Writes a small file atomically."""
        files.write(self.path / name, text)

    def describe(self, described: Mapping) -> None:
        """Writes `run.json` and its copy."""
        text = json.dumps(described, indent=2) + "\n"
        for name in _DESCRIPTIONS:
            self.write(name, text)
