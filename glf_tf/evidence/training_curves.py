# SPDX-License-Identifier: Apache-2.0
"""Curves of a table's trainings: a panel a scalar, a line a row."""

__all__ = ["draw"]

from collections.abc import Sequence

from absl import logging

from glf_tf import files
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.evidence import table_file
from glf_tf.plotting import curves, curves_figure


def draw(
    jobs: Sequence[tuple[job_lib.Job, table_file.Row]],
    *,
    scalars: Sequence[str],
    folder: folder_lib.Folder,
) -> bool:
    """Writes curves.png and curves.csv of the first seed of each row; returns whether.

    Args:
        jobs: Trainings, each with its row.
        scalars: Names of scalars of `metrics.jsonl`, such as "epoch/nll"; those that no
            training has are left out with a warning, and with none nothing is drawn.
            Trainings that have none of them have no line.
        folder: The folder of all trainings.
    """
    first = {row.name: (job, row) for job, row in reversed(jobs)}
    lines = [
        curves_figure.Line(
            label=(row.title or row.name).replace("*", "").replace("`", ""),
            history=curves.read(job.folder.path),
        )
        for job, row in reversed(first.values())
        if (job.folder.path / "metrics.jsonl").exists()
    ]
    known = {name for line in lines for name in line.history.names}
    drawn = [name for name in scalars if name in known]
    if missing := [name for name in scalars if name not in known]:
        logging.warning("No training has the curves %s.", ", ".join(missing))
    if not drawn:
        return False
    lines = [line for line in lines if set(drawn) & set(line.history.names)]
    figure = curves_figure.draw(lines, scalars=drawn)
    with files.replacing(folder.curves) as stream:
        figure.savefig(stream, format="png")
    numbers = curves_figure.to_csv(lines, scalars=drawn)
    folder.write(folder.curves.with_suffix(".csv").name, numbers)
    return True
