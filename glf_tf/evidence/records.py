# SPDX-License-Identifier: Apache-2.0
"""Records of measured trainings, small files that a repository keeps.

    FOLDER/TABLE/ROW.json           a training, with seed 0
    FOLDER/TABLE/ROW_seed_K.json    one of another seed
    FOLDER/TABLE/real_images.json   real images under the same protocol

A run's folder is large, and is gone one day; a record stays. It has no path of the
machine that made it.
"""

__all__ = ["Evidence", "Real", "check", "export", "read", "read_real"]

import contextlib
import dataclasses
import json
import pathlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from glf_tf import errors, files, resources
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import measuring as measuring_lib
from glf_tf.comparison import record as record_lib
from glf_tf.evidence import table_file
from glf_tf.experiments import description, history
from glf_tf.metrics import protocol

VERSION = 1

_OF_THE_MACHINE = ("start_from",)
"""Flags of a training whose values are paths; `Evidence.start` has what they name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """A measured training.

    Attributes:
        arguments: The recipes and flags of its row in the table's file, as they were,
            and the most epochs of any stage if the table cuts them.
        seed: The seed.
        flags: The value of every flag that determines the trained model.
        versions: Versions of the libraries that trained it, and a digest of the source.
        commit: The commit of the repository that measured it; "" for none.
        checkpoint: Digest of the checkpoint that was measured.
        start: Digest of the checkpoint from which it started; "" for none.
        protocol: Everything that determines a measurement except for the model.
        text: The protocol in one line.
        result: The measurements and costs; None if the training failed.
        error: Why it failed; "" if it did not.
    """

    arguments: tuple[str, ...]
    seed: int
    flags: Mapping[str, object]
    versions: Mapping[str, str]
    commit: str
    checkpoint: str
    start: str
    protocol: Mapping[str, object]
    text: str
    result: record_lib.Result | None
    error: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Real:
    """Measurements of real images.

    Attributes:
        protocol: Everything that determines them.
        measurements: The measurements.
    """

    protocol: Mapping[str, object]
    measurements: tuple[protocol.Measurement, ...]


def check(folder: pathlib.Path, table: table_file.TableFile) -> None:
    """Checks before trainings that their records can be written.

    Raises:
        Occupied: A file that they would replace is not a record.
        OSError: There can be no such folder.
    """
    where = folder / table.name
    files.make_folder(where)
    for row in table.rows:
        for seed in row.seeds:
            _check_ours(_file(folder, table, row, seed=seed))
    _check_ours(_real_file(folder, table))


def export(
    jobs: Sequence[tuple[job_lib.Job, table_file.Row]],
    *,
    table: table_file.TableFile,
    source: folder_lib.Folder,
    measuring: measuring_lib.Measuring,
    folder: pathlib.Path,
    failures: Mapping[pathlib.Path, str] | None = None,
) -> list[pathlib.Path]:
    """Writes the records of all jobs that are measured, or failed.

    Args:
        jobs: The trainings, and the row of each.
        table: The table.
        source: The folder in which they were trained and measured.
        measuring: How they were measured.
        folder: The folder of all records.
        failures: Why trainings failed, by their folders.

    Returns:
        written: The files, one for each training that is measured or failed.
    """
    check(folder, table)
    real = {
        "protocol": measuring.identity,
        "measurements": protocol.to_json(measuring.real_images(source)),
    }
    _write(_real_file(folder, table), real)
    written = []
    for job, row in jobs:
        outcome = _outcome(
            job, measuring, failure=(failures or {}).get(job.folder.path)
        )
        if outcome is None:
            continue
        found = {
            "arguments": list(table.recorded(row)),
            "seed": job.seed,
            "versions": _versions(job),
            "commit": _commit(),
            "protocol": measuring.identity,
            "text": measuring.text,
            **outcome,
        }
        written.append(_file(folder, table, row, seed=job.seed))
        if not _is_there(written[-1], found):
            _write(written[-1], found)
    return written


def _outcome(
    job: job_lib.Job, measuring: measuring_lib.Measuring, *, failure: str | None
) -> dict | None:
    """Returns what came of a training; None if it is not measured."""
    if failure:
        # What was received may be a path of this machine.
        error = failure.partition(". Received: ")[0]
        nothing = {"checkpoint": "", "start": "", "result": None}
        return {"flags": _without_paths(job.training), "error": error, **nothing}
    kept = record_lib.read(job.folder)
    if kept is None or kept.evaluation != measuring.identity:
        return None
    return {
        "flags": _without_paths(kept.training),
        "checkpoint": kept.checkpoint,
        "start": kept.start,
        "result": kept.result.to_dict(),
    }


def read(
    folder: pathlib.Path, table: table_file.TableFile, row: table_file.Row
) -> list[Evidence]:
    """Returns the records of a row, by seed; [] if it was not measured.

    Raises:
        Damaged: A file is not a record of this version, or of a row that has changed.
    """
    found = []
    for seed in row.seeds:
        file = _file(folder, table, row, seed=seed)
        if not file.exists():
            continue
        values = _read(file)
        with _damaged_if_wrong(file):
            result = values.pop("result")
            result = result and record_lib.Result.from_dict(result)
            arguments = tuple(values.pop("arguments"))
            evidence = Evidence(**values, result=result, arguments=arguments)
        if evidence.arguments != table.recorded(row):
            raise errors.Damaged(
                "A record must be of the recipes and flags that its table has",
                received=f"{file}, of {' '.join(evidence.arguments)}",
                do="Remove it and train that row again, or correct the table",
            )
        found.append(evidence)
    return found


def read_real(folder: pathlib.Path, table: table_file.TableFile) -> Real | None:
    """Returns the record of real images; None if there is none.

    Raises:
        Damaged: The file is not a record of this version.
    """
    file = _real_file(folder, table)
    if not file.exists():
        return None
    values = _read(file)
    with _damaged_if_wrong(file):
        measured = tuple(protocol.from_json(values["measurements"]))
        return Real(protocol=values["protocol"], measurements=measured)


def _file(folder, table, row, *, seed) -> pathlib.Path:
    suffix = f"_seed_{seed}" if seed else ""
    return folder / table.name / f"{row.name}{suffix}.json"


def _real_file(folder, table) -> pathlib.Path:
    return folder / table.name / "real_images.json"


def _is_there(file: pathlib.Path, found: Mapping) -> bool:
    """Returns whether a file has the same record, or measures that a failure has not.

    The same one keeps its commit; and a training that failed on one machine takes
    nothing away.
    """
    kept = _read(file) if file.exists() else {}
    if kept.get("result") and found["result"] is None:
        return True
    return {**kept, "commit": ""} == {**json.loads(json.dumps(found)), "commit": ""}


def _check_ours(file: pathlib.Path) -> None:
    """Refuses a file that is there and not a record."""
    if not file.exists():
        return
    try:
        is_ours = "protocol" in _read(file)
    except errors.Damaged:
        is_ours = False
    if not is_ours:
        raise files.occupied(file, "is no record")


def _write(file: pathlib.Path, values: Mapping) -> None:
    text = json.dumps({"version": VERSION, **values}, indent=1, sort_keys=True)
    files.write(file, text + "\n")


def _read(file: pathlib.Path) -> dict:
    with _damaged_if_wrong(file):
        values = json.loads(file.read_text(encoding="utf-8"))
        if values.pop("version") != VERSION:
            raise ValueError("another version")
        return values


@contextlib.contextmanager
def _damaged_if_wrong(file: pathlib.Path) -> Iterator[None]:
    """A context in which a wrong value is that of a damaged file."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise errors.Damaged(
            "A record is a file that tools/reproduce.py wrote",
            received=f"{file} ({type(error).__name__}: {error})",
            do="Take it from the repository again, or remove it",
        ) from error


def _without_paths(flags: Mapping[str, object]) -> dict[str, object]:
    return {k: v for k, v in flags.items() if k not in _OF_THE_MACHINE}


def _versions(job: job_lib.Job) -> dict[str, str]:
    """Returns the versions that trained a job last."""
    entries = history.read(description.read(job.folder.description))
    return dict(entries[-1].versions) if entries else {}


def _commit() -> str:
    """Returns the commit of the clone around the package, or ""."""
    if resources.IS_INSTALLED:
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(
            command,
            cwd=resources.RECIPES.parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
