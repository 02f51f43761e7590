# SPDX-License-Identifier: Apache-2.0
"""Trains recipes one after another, measures all of them alike, writes one table."""

__all__ = ["compare", "save", "leave_memory"]

import gc
import json
import pathlib
import re
import sys
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from glf_tf import errors, files, folders
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import measuring
from glf_tf.comparison import pictures as pictures_lib
from glf_tf.comparison import record as record_lib
from glf_tf.comparison import table as table_lib
from glf_tf.comparison import training as training_lib
from glf_tf.training import summaries

# What versions before the mark left in hparams/NAME/.
_HPARAMS = re.compile(r"metrics\.jsonl|tensorboard/events\.out\.tfevents\..*")


def compare(
    jobs: Sequence[job_lib.Job],
    *,
    folder: folder_lib.Folder,
    measuring: measuring.Measuring,
    children: training_lib.Children,
    about: Sequence[str] = (),
) -> table_lib.Table:
    """Trains what is not trained, measures what is not measured, returns the table.

    A training that fails leaves a row that says so; the others go on. All are trained
    before the first is measured: a device is used by one process at a time.

    Args:
        jobs: The trainings; those of one recipe stand together.
        folder: Where.
        measuring: The protocol.
        children: What runs the trainings.
        about: Further lines on the protocol.

    Raises:
        InvalidValue: The jobs learn different data.
        KeyboardInterrupt: Somebody asked to stop; `children` makes it `loop.Stopped`.
    """
    job_lib.check(jobs)
    failures = [
        _train(job, children=children, place=f"[{number}/{len(jobs)}]")
        for number, job in enumerate(jobs, start=1)
    ]
    real = measuring.real_images(folder)
    rows: dict[job_lib.Recipe, list[table_lib.Training]] = {}
    for job, failure in zip(jobs, failures, strict=True):
        rows.setdefault(job.recipe, []).append(_measure(job, measuring, failure))
    return table_lib.Table(
        rows=tuple(table_lib.Row(recipe, tuple(done)) for recipe, done in rows.items()),
        real=tuple(real),
        protocol=(measuring.text, *about),
    )


def save(
    table: table_lib.Table,
    *,
    folder: folder_lib.Folder,
    measuring: measuring.Measuring,
) -> None:
    """Writes the table, all numbers, the samples and TensorBoard's files."""
    folder.write(folder.markdown.name, table.to_markdown())
    folder.write(folder.numbers.name, json.dumps(table.to_dict(), indent=2) + "\n")
    figure = pictures_lib.draw(_samples(table), real=measuring.test.images[:100])
    with files.replacing(folder.samples) as stream:
        figure.savefig(stream, format="png")
    for row in table.rows:
        _write_hparams(row, folder=folder)


def leave_memory() -> None:
    """Lets this process take of the GPUs' memory what it needs: children need some.

    Must be called before TensorFlow uses a GPU.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def _train(job: job_lib.Job, *, children: training_lib.Children, place: str) -> str:
    """Trains what is not trained; returns what happened where it failed."""
    kept = record_lib.read(job.folder)
    if kept is not None and kept.is_trained_by(job):
        _tell(f"{place} {job.name} is trained")
        return ""
    _tell(f"{place} training {job.name}")
    return children.run(job.command, log=job.folder.path / "training.log")


def _measure(
    job: job_lib.Job, measuring: measuring.Measuring, failure: str
) -> table_lib.Training:
    """Measures what is not measured."""
    if failure:
        return table_lib.Training(job, None, failure)
    kept = record_lib.read(job.folder)
    if (
        kept is not None
        and kept.is_trained_by(job)
        and kept.evaluation == measuring.identity
    ):
        return table_lib.Training(job, kept.result)
    _tell(f"measuring {job.name}")
    try:
        result = measuring.measure(job)
    except errors.UserError as error:
        return table_lib.Training(job, None, str(error))
    finally:
        gc.collect()  # the model, whose graphs hold it in cycles
    record = record_lib.Record(
        training=job.training,
        checkpoint=record_lib.checkpoint_digest(job.folder),
        evaluation=measuring.identity,
        result=result,
    )
    record_lib.write(job.folder, record)
    return table_lib.Training(job, result)


def _samples(table: table_lib.Table) -> dict[str, np.ndarray]:
    """Returns the samples of each recipe's first seed, the best recipe first."""
    found = {}
    for row in table.sorted_rows:
        done = [one for one in row.trainings if one.result is not None]
        files = [one.job.folder.path / measuring.SAMPLES for one in done]
        if files and files[0].exists():
            found[row.recipe.name] = np.load(files[0])
    return found


def _write_hparams(row: table_lib.Row, *, folder: folder_lib.Folder) -> None:
    """Writes a recipe's settings and numbers for TensorBoard's HParams page."""
    files.check_no_link(folder.hparams)
    where = folder.hparams / row.recipe.name
    with folders.replacing(where, kind="hparams", unmarked=_HPARAMS) as aside:
        if row.numbers:
            _write_row(row, folder=aside)


def _write_row(row: table_lib.Row, *, folder: pathlib.Path) -> None:
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


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
