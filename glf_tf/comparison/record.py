# SPDX-License-Identifier: Apache-2.0
"""Records of finished jobs, so that nothing is done twice."""

__all__ = ["Result", "Record", "read", "write", "checkpoint_digest", "start_of"]

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
"""2: parameters include those that are fitted to codes."""

NAME = "comparison.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """The results of one trained model.

    Attributes:
        measurements: Those of samples and, if the model has latents, of
            reconstructions.
        cost: Parameters, epochs, seconds, speed.
        date: When it was measured, such as "2026-11-21".
    """

    measurements: tuple[protocol.Measurement, ...]
    cost: cost_lib.Cost
    date: str

    def of(
        self, metric: str, *, source: str, extractor: str = ""
    ) -> protocol.Measurement | None:
        """Returns a measurement; None if there is no such one.

        Args:
            metric: Its key, such as "fd".
            source: The images measured, such as "samples".
            extractor: Name of the extractor; "" for the main one, which is the first.
        """
        for measurement in self.measurements:
            how = measurement.protocol
            is_by = extractor in ("", how.extractor)
            if is_by and (measurement.metric, how.source) == (metric, source):
                return measurement
        return None

    def to_dict(self) -> dict:
        """Returns all fields as JSON values."""
        return {
            "measurements": [
                measurement.to_dict() for measurement in self.measurements
            ],
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
    """The record of a job.

    Attributes:
        training: The flags of the training.
        checkpoint: Digest of the resulting checkpoint.
        evaluation: Everything that determines a measurement except for the model.
        result: The results.
        start: Digest of the checkpoint that it started from; "" for none, or in
            records from before it was kept.
    """

    training: Mapping[str, object]
    checkpoint: str
    evaluation: Mapping[str, object]
    result: Result
    start: str = ""

    def is_trained_by(self, job: job_lib.Job) -> bool:
        """Returns whether the record is that of a job, and its checkpoint unchanged."""
        digest = checkpoint_digest(job.folder)
        return self.training == job.training and self.checkpoint == digest


def read(folder: folder_lib.Folder) -> Record | None:
    """Returns a run's record; None if there is none of this version."""
    try:
        values = json.loads((folder.path / NAME).read_text())
        if values.pop("version") != VERSION:
            return None
        return Record(**{**values, "result": Result.from_dict(values["result"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None  # it is measured again


def write(folder: folder_lib.Folder, record: Record) -> None:
    """Writes a run's record."""
    values = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    values = {"version": VERSION, **values, "result": record.result.to_dict()}
    folder.write(NAME, json.dumps(values, indent=2) + "\n")


def checkpoint_digest(folder: folder_lib.Folder) -> str:
    """Returns a digest of a run's newest checkpoint, or ""."""
    for checkpoint in checkpoints.found(folder.checkpoints):
        if manifest.files_of(checkpoint):
            text = (checkpoint / manifest.NAME).read_bytes()
            return hashlib.sha256(text).hexdigest()[:16]
    return ""


def start_of(job: job_lib.Job) -> str:
    """Returns a digest of the checkpoint that a job starts from, or ""."""
    return "" if job.start is None else checkpoint_digest(job.start.folder)
