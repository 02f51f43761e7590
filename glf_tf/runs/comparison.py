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
from glf_tf.runs import (
    comparison_folder,
    comparison_job,
    comparison_measuring,
    comparison_pictures,
    comparison_record,
    comparison_table,
    comparison_training,
)
from glf_tf.training import summaries

# What versions before the mark left in hparams/NAME/.
_HPARAMS = re.compile(r"metrics\.jsonl|tensorboard/events\.out\.tfevents\..*")


def compare(
    jobs: Sequence[comparison_job.Job],
    *,
    folder: comparison_folder.Folder,
    measuring: comparison_measuring.Measuring,
    children: comparison_training.Children,
    about: Sequence[str] = (),
) -> comparison_table.Table:
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
    comparison_job.check(jobs)
    failures = [
        _train(job, children=children, place=f"[{number}/{len(jobs)}]")
        for number, job in enumerate(jobs, start=1)
    ]
    real = measuring.real_images(folder)
    rows: dict[comparison_job.Recipe, list[comparison_table.Training]] = {}
    for job, failure in zip(jobs, failures, strict=True):
        rows.setdefault(job.recipe, []).append(_measure(job, measuring, failure))
    return comparison_table.Table(
        rows=tuple(
            comparison_table.Row(recipe, tuple(done)) for recipe, done in rows.items()
        ),
        real=tuple(real),
        protocol=(measuring.text, *about),
    )


def save(
    table: comparison_table.Table,
    *,
    folder: comparison_folder.Folder,
    measuring: comparison_measuring.Measuring,
) -> None:
    """Writes the table, all numbers, the samples and TensorBoard's files."""
    folder.write(folder.markdown.name, table.to_markdown())
    folder.write(folder.numbers.name, json.dumps(table.to_dict(), indent=2) + "\n")
    figure = comparison_pictures.draw(_samples(table), real=measuring.test.images[:100])
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


def _train(
    job: comparison_job.Job, *, children: comparison_training.Children, place: str
) -> str:
    """Trains what is not trained; returns what happened where it failed."""
    kept = comparison_record.read(job.folder)
    if kept is not None and kept.is_trained_by(job):
        _tell(f"{place} {job.name} is trained")
        return ""
    _tell(f"{place} training {job.name}")
    return children.run(job.command, log=job.folder.path / "training.log")


def _measure(
    job: comparison_job.Job, measuring: comparison_measuring.Measuring, failure: str
) -> comparison_table.Training:
    """Measures what is not measured."""
    if failure:
        return comparison_table.Training(job, None, failure)
    kept = comparison_record.read(job.folder)
    if (
        kept is not None
        and kept.is_trained_by(job)
        and kept.evaluation == measuring.identity
    ):
        return comparison_table.Training(job, kept.result)
    _tell(f"measuring {job.name}")
    try:
        result = measuring.measure(job)
    except errors.UserError as error:
        return comparison_table.Training(job, None, str(error))
    finally:
        gc.collect()  # the model, whose graphs hold it in cycles
    record = comparison_record.Record(
        training=job.training,
        checkpoint=comparison_record.checkpoint_digest(job.folder),
        evaluation=measuring.identity,
        result=result,
    )
    comparison_record.write(job.folder, record)
    return comparison_table.Training(job, result)


def _samples(table: comparison_table.Table) -> dict[str, np.ndarray]:
    """Returns the samples of each recipe's first seed, the best recipe first."""
    found = {}
    for row in table.sorted_rows:
        done = [one for one in row.trainings if one.result is not None]
        files = [one.job.folder.path / comparison_measuring.SAMPLES for one in done]
        if files and files[0].exists():
            found[row.recipe.name] = np.load(files[0])
    return found


def _write_hparams(
    row: comparison_table.Row, *, folder: comparison_folder.Folder
) -> None:
    """Writes a recipe's settings and numbers for TensorBoard's HParams page."""
    files.check_no_link(folder.hparams)
    where = folder.hparams / row.recipe.name
    with folders.replacing(where, kind="hparams", unmarked=_HPARAMS) as aside:
        if row.numbers:
            _write_row(row, folder=aside)


def _write_row(row: comparison_table.Row, *, folder: pathlib.Path) -> None:
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
