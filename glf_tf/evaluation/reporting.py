# SPDX-License-Identifier: Apache-2.0
"""Writes measurements for people: a table, and a run's TensorBoard."""

__all__ = ["log", "table"]

from collections.abc import Sequence

from glf_tf.experiments import folder as folder_lib
from glf_tf.metrics import protocol, written
from glf_tf.training import summaries


def log(
    folder: folder_lib.Folder,
    measurements: Sequence[protocol.Measurement],
    *,
    step: int,
    is_chosen: bool = False,
) -> None:
    """Writes means to a run's TensorBoard, at the step of the measured model.

    Their names are those of training: "evaluation/fd". Nothing is written into the
    folder of a preset.

    Args:
        folder: The folder of the run.
        measurements: The measurements.
        step: The global step of the measured model.
        is_chosen: Whether their extractor is another than the data set's own, which
            their names then say: "evaluation/fd_by_random_convolutional".
    """
    if folder.is_preset:
        return
    values = {}
    for found in measurements:
        by = f"_by_{found.protocol.extractor}" if is_chosen else ""
        values[f"evaluation/{found.name}{by}"] = found.mean
    summaries.Summaries(folder.path).scalars(values, step=step)


def table(measurements: Sequence[protocol.Measurement]) -> str:
    """Returns measurements as a text table."""
    rows = [_row(measurement) for measurement in measurements]
    head = ("measure", "value", "of", "samples")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [head, *rows]]
    notes = sorted({note for measurement in measurements for note in measurement.notes})
    if any(measurement.protocol.sampling == "authors" for measurement in measurements):
        notes.append("* sampled as the GLF authors' script does")
    return "\n".join(lines + notes)


def _row(measurement: protocol.Measurement) -> tuple[str, str, str, str]:
    used = measurement.protocol
    return (
        measurement.title,
        written.number(measurement.mean, measurement.std),
        used.source + ("" if used.sampling == "plain" else "*"),
        f"{used.samples:,} against {used.references:,} {used.reference_split}",
    )
