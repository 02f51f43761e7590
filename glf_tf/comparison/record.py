# SPDX-License-Identifier: Apache-2.0
"""What a comparison keeps beside a run, so that nothing is done twice."""

__all__ = ["Result", "Record", "read", "write", "checkpoint_digest"]

import dataclasses
import hashlib
import json
from collections.abc import Mapping

from glf_tf.comparison import cost as cost_lib
from glf_tf.comparison import job as job_lib
from glf_tf.experiments import folder as folder_lib
from glf_tf.metrics import protocol
from glf_tf.training import checkpoints, manifest

VERSION = 2
"""2: parameters count what is fitted to codes, too."""

NAME = "comparison.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What is known about one trained model.

    Attributes:
        measurements: Of samples and, where there is an encoder, of reconstructions.
        cost: Parameters, epochs, seconds, speed.
        date: When it was measured, such as "2026-11-21".
    """

    measurements: tuple[protocol.Measurement, ...]
    cost: cost_lib.Cost
    date: str

    def of(self, metric: str, *, subject: str) -> protocol.Measurement | None:
        """Returns a measurement, None where the model has none.

        Args:
            metric: Its key, such as "fd".
            subject: Of what, such as "samples".
        """
        for one in self.measurements:
            if (one.metric, one.protocol.subject) == (metric, subject):
                return one
        return None

    def to_dict(self) -> dict:
        """Returns everything in kinds that JSON knows."""
        return {
            "measurements": [one.to_dict() for one in self.measurements],
            "cost": dataclasses.asdict(self.cost),
            "date": self.date,
        }

    @classmethod
    def from_dict(cls, values: Mapping) -> "Result":
        """Returns the result that `to_dict` wrote."""
        measured = [protocol.Measurement.from_dict(m) for m in values["measurements"]]
        notes = tuple(values["cost"]["notes"])
        return cls(
            measurements=tuple(measured),
            cost=cost_lib.Cost(**{**values["cost"], "notes": notes}),
            date=values["date"],
        )


@dataclasses.dataclass(frozen=True)
class Record:
    """What was done to a run, and what came of it.

    Attributes:
        training: The flags that it was trained with.
        checkpoint: Digest of the checkpoint that this led to.
        evaluation: All that decides a measurement but for the model.
        result: What was measured.
    """

    training: Mapping[str, object]
    checkpoint: str
    evaluation: Mapping[str, object]
    result: Result

    def is_trained_by(self, job: job_lib.Job) -> bool:
        """Returns whether a job would find nothing to do, nor anything changed."""
        digest = checkpoint_digest(job.folder)
        return self.training == job.training and self.checkpoint == digest


def read(folder: folder_lib.Folder) -> Record | None:
    """Returns a run's record; None where there is none that this version reads."""
    try:
        values = json.loads((folder.path / NAME).read_text())
        if values.pop("version") != VERSION:
            return None
        return Record(**{**values, "result": Result.from_dict(values["result"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None  # it is measured anew


def write(folder: folder_lib.Folder, record: Record) -> None:
    """Writes a run's record."""
    values = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    values = {"version": VERSION, **values, "result": record.result.to_dict()}
    folder.write(NAME, json.dumps(values, indent=2) + "\n")


def checkpoint_digest(folder: folder_lib.Folder) -> str:
    """Returns a digest of a run's newest checkpoint, "" where there is none."""
    for one in checkpoints.found(folder.checkpoints):
        if manifest.files_of(one):
            text = (one / manifest.NAME).read_bytes()
            return hashlib.sha256(text).hexdigest()[:16]
    return ""
