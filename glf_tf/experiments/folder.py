# SPDX-License-Identifier: Apache-2.0
"""What lies where in the folder of a run."""

__all__ = ["Folder"]

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Mapping

from absl import logging

from glf_tf import errors, files, folders
from glf_tf.experiments import description, locking

_DESCRIPTIONS = ("run.json", "run.copy.json")

_WRITTEN = (
    *("lock", "flags.cfg", *_DESCRIPTIONS, "metrics.jsonl"),
    *("checkpoints", "samples", "samples/steps", "saved_model", "tensorboard"),
)


@dataclasses.dataclass(frozen=True)
class Folder:
    """The folder of a run.

    flags.cfg      begins the run anew: `tools/train.py --flagfile=flags.cfg`; or tells
                   what `fit` was given in Python
    flags.2.cfg    the flags that it went on with, where they were others; and so on
    run.json       data set, model and history, for those who load it
    run.copy.json  the same once more: one damaged file is not the end of a run
    metrics.jsonl  every scalar, a line a time
    checkpoints/   the newest, and the best
    tensorboard/   events
    samples/       pictures
    saved_model/   the exported model
    lock           held by the process that trains

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
        """Whether a run has begun in the folder."""
        return any((self.path / name).exists() for name in _DESCRIPTIONS)

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
        """Returns what `run.json` says, or its copy where that is damaged.

        Its keys: `dataset` and `model`, specifications with all their options;
        `arguments`, the model's that its data decided; `batch_size` and `seed`;
        `data_dir`, `data_source` and `data`, where the images were and what they were;
        `history`, a list of `history.Entry` as mappings.

        Raises:
            NotFound: There is no run in the folder.
            Damaged: `run.json` and its copy are.
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
        """Keeps other trainings out while this process lives.

        Raises:
            Busy: On entering, where another process trains in the folder.
        """
        return locking.locked(
            self.path / "lock",
            rule="One process at a time trains in a folder",
            received=f"--workdir={self.path}, in which another one trains",
        )

    def check_own(self) -> None:
        """Checks that training may write here.

        Where there is no run yet, the folder must be empty, but for what a start that
        was broken off has left: its lock, and the recipe beside it.

        Raises:
            Occupied: Something else is here, or a link stands where a run writes.
        """
        for name in _WRITTEN:
            files.check_no_link(self.path / name)
        if not self.holds_run:
            # Somebody's own recipe, without our lock beside it, is no start of ours.
            is_begun = locking.is_a_lock(self.path / "lock")
            ours = ("lock", "flags.cfg") if is_begun else ()
            folders.check_new(self.path, ours=(*ours, "training.log"))

    def write(self, name: str, text: str) -> None:
        """Writes a small file whole or not at all."""
        files.write(self.path / name, text)

    def describe(self, described: Mapping) -> None:
        """Writes `run.json` and its copy."""
        text = json.dumps(described, indent=2) + "\n"
        for name in _DESCRIPTIONS:
            self.write(name, text)
