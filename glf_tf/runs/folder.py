# SPDX-License-Identifier: Apache-2.0
"""What lies where in the folder of a run."""

__all__ = ["Folder"]

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Mapping

from glf_tf import catalogue, errors, files
from glf_tf.runs import locking

_WRITTEN = (
    *("lock", "flags.cfg", "run.json", "metrics.jsonl"),
    *("checkpoints", "samples", "samples/steps", "saved_model", "tensorboard"),
)


@dataclasses.dataclass(frozen=True)
class Folder:
    """The folder of a run.

    flags.cfg      replays the run: `tools/train.py --flagfile=flags.cfg`
    run.json       the data set and the model, for those who load it
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
        """The data set and the model."""
        return self.path / "run.json"

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
        """Returns what `run.json` says; its parts have all their options.

        Raises:
            NotFound: There is no run in the folder.
        """
        try:
            described = json.loads(self.description.read_text())
        except FileNotFoundError as error:
            raise errors.NotFound(
                "A run's folder holds run.json and checkpoints/",
                received=f"{self.path}, which has no run.json",
                do="Pass the --workdir of a run of tools/train.py",
            ) from error
        parts = {
            kind: catalogue.completed(kind, described[kind])
            for kind in ("dataset", "model")
            if kind in described
        }
        return {**described, **parts}

    def lock(self) -> contextlib.AbstractContextManager[int]:
        """Keeps other trainings out while this process lives.

        Raises:
            InvalidValue: On entering, where another process trains in the folder.
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
        if not self.description.exists():
            # Somebody's own recipe, without our lock beside it, is no start of ours.
            is_begun = (self.path / "lock").is_file()
            ours = ("lock", "flags.cfg") if is_begun else ()
            files.check_new(self.path, ours=(*ours, "training.log"))

    def write(self, name: str, text: str) -> None:
        """Writes a small file whole or not at all."""
        files.write(self.path / name, text)

    def describe(self, description: Mapping) -> None:
        """Writes `run.json`."""
        self.write("run.json", json.dumps(description, indent=2) + "\n")
