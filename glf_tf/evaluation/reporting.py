# SPDX-License-Identifier: Apache-2.0
"""Writes measurements for people: a table, and a run's TensorBoard."""

__all__ = ["log", "table"]

from collections.abc import Sequence

from glf_tf.experiments import folder as folder_lib
from glf_tf.metrics import protocol
from glf_tf.training import summaries


def log(
    folder: folder_lib.Folder,
    measurements: Sequence[protocol.Measurement],
    *,
    step: int,
) -> None:
    """Writes means to a run's TensorBoard, at the step of the model they are of."""
    values = {
        f"evaluation/{one.title}/{one.protocol.subject}": one.mean
        for one in measurements
    }
    summaries.Summaries(folder.path).scalars(values, step=step)


def table(measurements: Sequence[protocol.Measurement]) -> str:
    """Returns measurements as a table for people."""
    rows = [
        (
            one.title,
            f"{one.mean:.4g}" + ("" if one.std is None else f" ± {one.std:.2g}"),
            one.protocol.subject + ("" if one.protocol.sampling == "plain" else "*"),
            f"{one.protocol.samples:,} against {one.protocol.references:,} "
            f"{one.protocol.reference_split}",
        )
        for one in measurements
    ]
    head = ("measure", "value", "of", "images")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [head, *rows]]
    notes = sorted({note for one in measurements for note in one.notes})
    if any(one.protocol.sampling == "authors" for one in measurements):
        notes.append("* sampled as the GLF authors' script does")
    return "\n".join(lines + notes)
