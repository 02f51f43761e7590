# SPDX-License-Identifier: Apache-2.0
"""Trains recipes one after another, and measures all under one protocol."""

__all__ = ["compare", "save", "leave_memory"]

import dataclasses
import gc
import json
import pathlib
import re
import sys
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from glf_tf import errors, files, folders
from glf_tf.comparison import detecting, measuring, order
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import pictures as pictures_lib
from glf_tf.comparison import record as record_lib
from glf_tf.comparison import row as row_lib
from glf_tf.comparison import table as table_lib
from glf_tf.comparison import training as training_lib
from glf_tf.training import summaries

# Files in hparams/NAME/ from versions without a mark.
_HPARAMS = re.compile(r"metrics\.jsonl|tensorboard/events\.out\.tfevents\..*")


def compare(
    jobs: Sequence[job_lib.Job],
    *,
    folder: folder_lib.Folder,
    measuring: measuring.Measuring | detecting.Detecting,
    children: training_lib.Children,
    about: Sequence[str] = (),
) -> table_lib.Table:
    """Trains and measures all jobs that are not yet done, and returns the table.

    A failed training has a row with its error; the others continue. All are trained
    before the first is measured, so that one process at a time uses a device.

    Args:
        jobs: The trainings; those of one recipe are consecutive. A training from which
            others start comes before them, or is none of these: then it has no row.
        folder: The folder of the comparison.
        measuring: The protocol.
        children: Runs the trainings.
        about: Additional lines on the protocol.

    Raises:
        InvalidValue: The jobs have different data sets.
        Damaged: A training without a row, from which others start, failed.
        Occupied: Some jobs are trained, but from another start.
        KeyboardInterrupt: A signal arrived; `children` turns it into `loop.Stopped`.
    """
    if measuring.needs_one_dataset:
        job_lib.check(jobs)
    for start in _starts_without_a_row(jobs):
        _train_start(start, children=children)
    _check_starts(jobs)
    failures = order.train_all(jobs, children=children)
    real = measuring.real_images(folder)
    rows: dict[job_lib.Recipe, list[row_lib.Training]] = {}
    for job in jobs:
        failure = failures[job.folder.path]
        done = _measure(job, measuring, failure, at_once=children.at_once)
        rows.setdefault(job.recipe, []).append(done)
    return table_lib.Table(
        rows=tuple(row_lib.Row(recipe, tuple(done)) for recipe, done in rows.items()),
        real=tuple(real),
        protocol=(measuring.text, *about),
    )


def save(
    table: table_lib.Table,
    *,
    folder: folder_lib.Folder,
    measuring: measuring.Measuring | detecting.Detecting,
) -> bool:
    """Writes the table, all numbers, the samples and the TensorBoard files.

    Returns:
        has_samples: Whether there were samples to draw.
    """
    folder.write(folder.markdown.name, table.to_markdown())
    folder.write(folder.numbers.name, json.dumps(table.to_dict(), indent=2) + "\n")
    samples = _samples(table)
    if samples:
        figure = pictures_lib.draw(samples, real=measuring.test.images[:100])
        with files.replacing(folder.samples) as stream:
            figure.savefig(stream, format="png")
    for row in table.rows:
        _write_hparams(row, folder=folder)
    return bool(samples)


def leave_memory() -> None:
    """Leaves the GPUs' unused memory to child processes.

    Must be called before TensorFlow uses a GPU.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def _starts_without_a_row(jobs: Sequence[job_lib.Job]) -> list[job_lib.Job]:
    """Returns the trainings from which jobs start and that are none of them."""
    known = {job.folder.path for job in jobs}
    starts = [job.start for job in jobs if job.start is not None]
    found = {start.folder.path: start for start in starts}
    return [start for path, start in found.items() if path not in known]


def _train_start(job: job_lib.Job, *, children: training_lib.Children) -> None:
    """Trains what others start from."""
    if failure := order.train(job, children=children, place="[shared]"):
        raise errors.Damaged(
            "The training from which all recipes start must not fail",
            received=f"{job.name}: {failure}",
            do=f"See {job.folder.path / 'training.log'}",
        )


def _check_starts(jobs: Sequence[job_lib.Job]) -> None:
    """Checks that finished jobs started from the checkpoints that are there now."""
    kept = [record_lib.read(job.folder) for job in jobs]
    others = [
        job.folder.path.name
        for job, record in zip(jobs, kept, strict=True)
        if record is not None and record.start not in ("", record_lib.start_of(job))
    ]
    if others:
        raise errors.Occupied(
            "A training must start from the weights that the others start from",
            received=f"{', '.join(others)}, trained from others than are there now",
            do="Use another --out, or remove these folders to train them again",
        )


def _measure(
    job: job_lib.Job,
    measuring: measuring.Measuring | detecting.Detecting,
    failure: str,
    *,
    at_once: int,
) -> row_lib.Training:
    """Measures a job unless it is done."""
    if failure:
        return row_lib.Training(job, None, failure)
    kept = record_lib.read(job.folder)
    if (
        kept is not None
        and kept.is_trained_by(job)
        and kept.evaluation == measuring.identity
    ):
        return row_lib.Training(job, kept.result)
    _print(f"measuring {job.name}")
    try:
        result = _noted(measuring.measure(job), at_once=at_once)
    except errors.UserError as error:
        return row_lib.Training(job, None, str(error))
    finally:
        gc.collect()  # the model, whose graphs hold it in cycles
    record = record_lib.Record(
        training=job.training,
        checkpoint=record_lib.checkpoint_digest(job.folder),
        evaluation=measuring.identity,
        result=result,
        start=record_lib.start_of(job),
    )
    record_lib.write(job.folder, record)
    return row_lib.Training(job, result)


def _noted(result: record_lib.Result, *, at_once: int) -> record_lib.Result:
    """Returns a result that says of its seconds what they had of the processors."""
    if at_once == 1:
        return result
    note = f"{at_once} trainings at once, each on its share of the CPUs"
    cost = dataclasses.replace(result.cost, notes=(*result.cost.notes, note))
    return dataclasses.replace(result, cost=cost)


def _samples(table: table_lib.Table) -> dict[str, np.ndarray]:
    """Returns the samples of each recipe's first seed, the best recipe first."""
    found = {}
    for row in table.sorted_rows:
        done = [training for training in row.trainings if training.result is not None]
        files = [training.job.folder.path / measuring.SAMPLES for training in done]
        if files and files[0].exists():
            found[row.recipe.name] = np.load(files[0])
    return found


def _write_hparams(row: row_lib.Row, *, folder: folder_lib.Folder) -> None:
    """Writes a recipe's settings and numbers for TensorBoard's HParams page."""
    files.check_no_link(folder.hparams)
    where = folder.hparams / row.recipe.name
    with folders.replacing(where, kind="hparams", unmarked=_HPARAMS) as aside:
        if row.numbers:
            _write_row(row, folder=aside)


def _write_row(row: row_lib.Row, *, folder: pathlib.Path) -> None:
    settings = dict(row.trainings[0].job.training)
    settings.pop("seed")
    writer = summaries.Summaries(folder)
    writer.recipe(
        row.recipe.path.read_text(),
        options={"recipe": row.recipe.name, **settings},
        name=row.recipe.name,
    )
    writer.scalars(row.numbers, step=0)
    writer.close()


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
