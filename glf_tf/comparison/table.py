# SPDX-License-Identifier: Apache-2.0
"""One table of all recipes: for a terminal, as Markdown, and as JSON."""

__all__ = ["Training", "Row", "Table"]

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence

from glf_tf.comparison import job as job_lib
from glf_tf.comparison import record as record_lib
from glf_tf.metrics import protocol
from glf_tf.metrics.extractors import features

VERSION = 1
NONE = "-"


@dataclasses.dataclass(frozen=True)
class Training:
    """What came of one training of a recipe.

    Attributes:
        job: The training.
        result: What was measured, None where it failed.
        error: What happened where it failed.
    """

    job: job_lib.Job
    result: record_lib.Result | None
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A recipe with all its trainings.

    Attributes:
        recipe: The recipe.
        trainings: One a seed, at least one.
    """

    recipe: job_lib.Recipe
    trainings: tuple[Training, ...]

    @property
    def results(self) -> list[record_lib.Result]:
        """The results of the trainings that did not fail."""
        return [one.result for one in self.trainings if one.result is not None]

    def number(self, metric: str, *, subject: str) -> tuple[float, float | None] | None:
        """Returns mean and deviation of a measurement, None where there is none.

        Over the seeds; where only one was trained, over the trials.
        """
        found = [result.of(metric, subject=subject) for result in self.results]
        found = [one for one in found if one is not None]
        if len(found) == 1:
            return found[0].mean, found[0].std
        means = [one.mean for one in found]
        return (statistics.fmean(means), statistics.stdev(means)) if means else None

    def cost(self, field: str) -> float | None:
        """Returns the mean of a cost over the seeds, None where there is none."""
        costs = [getattr(result.cost, field) for result in self.results]
        costs = [one for one in costs if one is not None]
        return statistics.fmean(costs) if costs else None

    @property
    def numbers(self) -> dict[str, float]:
        """Means of all that was measured, by name."""
        found = {}
        for result in self.results[:1]:
            for one in result.measurements:
                subject = one.protocol.subject
                mean, _ = self.number(one.metric, subject=subject)
                found[f"comparison/{subject}/{one.metric}"] = mean
        costs = ("parameters", "seconds_per_epoch", "samples_per_second")
        values = {f"comparison/{field}": self.cost(field) for field in costs}
        return found | {name: one for name, one in values.items() if one is not None}

    @property
    def epochs(self) -> str:
        """The epochs of each stage."""
        told = []
        for result in self.results:
            epochs = result.cost.epochs
            named = [f"{name} {count}" for name, count in epochs.items()]
            alone = ", ".join(str(count) for count in epochs.values())
            told.append(", ".join(named) if len(epochs) > 1 else alone)
        return " / ".join(dict.fromkeys(told))

    @property
    def notes(self) -> list[str]:
        """What failed, and what a reader must know."""
        notes = []
        for one in self.trainings:
            told = [one.error] if one.result is None else one.result.cost.notes
            notes += [f"{one.job.name}: {note}" for note in told]
        return notes


@dataclasses.dataclass(frozen=True)
class Table:
    """All recipes under one protocol.

    Attributes:
        rows: The recipes, in any order.
        real: What real images get.
        protocol: Lines that say how it was measured.
    """

    rows: tuple[Row, ...]
    real: tuple[protocol.Measurement, ...]
    protocol: tuple[str, ...]

    @property
    def sorted_rows(self) -> list[Row]:
        """The best first, those without a number last."""

        def distance(row):
            number = row.number("fd", subject="samples")
            return float("inf") if number is None else number[0]

        return sorted(self.rows, key=distance)

    @property
    def notes(self) -> list[str]:
        """What a reader must know, each thing once."""
        found = [note for row in self.sorted_rows for note in row.notes]
        results = [result for row in self.rows for result in row.results]
        for result in results:
            found += [note for one in result.measurements for note in one.notes]
        dates = sorted({result.date for result in results})
        devices = sorted({result.cost.device for result in results})
        if dates:
            found.append(f"Measured on {', '.join(devices)}; {', '.join(dates)}")
        if not self._is_fid:
            found.append(
                "Published figures stem from another protocol: they do not compare "
                f"with {self._distance}"
            )
        return list(dict.fromkeys(found))

    def to_text(self) -> str:
        """Returns the table for a terminal."""
        cells = [[_shortened(cell) for cell in row] for row in self._cells()]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        return "\n".join([*lines, "", *self.protocol, *self.notes])

    def to_markdown(self) -> str:
        """Returns the table as Markdown, with its protocol."""
        head, *rows = (
            [cell.replace("|", "\\|") for cell in row] for row in self._cells()
        )
        aligned = [":--", *["--:"] * (len(head) - 2), ":--"]
        lines = [f"| {' | '.join(row)} |" for row in (head, aligned, *rows)]
        notes = [f"* {line}" for line in (*self.protocol, *self.notes)]
        return "\n".join(["# Comparison", "", *lines, "", *notes]) + "\n"

    def to_dict(self) -> dict:
        """Returns everything, by seed and trial, in kinds that JSON knows."""
        return {
            "version": VERSION,
            "protocol": list(self.protocol),
            "notes": self.notes,
            "real_images": [one.to_dict() for one in self.real],
            "recipes": [_row_to_dict(row) for row in self.sorted_rows],
        }

    @property
    def _distance(self) -> str:
        """What the distance is called: FID, or FD with the extractor's name."""
        return next(one.title for one in self.real if one.metric == "fd")

    @property
    def _is_fid(self) -> bool:
        return self.real[0].protocol.extractor == features.INCEPTION

    def _cells(self) -> list[list[str]]:
        published = "published" if self._is_fid else "published, not comparable"
        columns = _columns(self._distance)
        real = {one.metric: (one.mean, one.std) for one in self.real}
        real_cells = [_number(real.get(column.real)) for column in columns]
        return [
            ["recipe", *(column.title for column in columns), published],
            ["real images", *real_cells, ""],
            *(
                [row.recipe.name, *self._values(row, columns), row.recipe.published]
                for row in self.sorted_rows
            ),
        ]

    def _values(self, row: Row, columns: Sequence["_Column"]) -> list[str]:
        if not row.results:
            return ["failed", *[NONE] * (len(columns) - 1)]
        return [column.value(row) for column in columns]


@dataclasses.dataclass(frozen=True)
class _Column:
    """A column: its title, a row's cell, and which metric of real images it shows."""

    title: str
    value: Callable[[Row], str]
    real: str = ""


def _columns(distance: str) -> list[_Column]:
    def measured(title, metric, subject="samples"):
        def value(row):
            return _number(row.number(metric, subject=subject))

        return _Column(title, value, real=metric if subject == "samples" else "")

    def cost(title, field):
        return _Column(title, lambda row: _plain(row.cost(field)))

    of = "reconstructions"
    return [
        measured(distance, "fd"),
        measured("of reconstructions", "fd", of),
        measured("error an image", "reconstruction_per_image", of),
        measured("precision", "precision"),
        measured("recall", "recall"),
        cost("parameters", "parameters"),
        _Column("epochs", lambda row: row.epochs or NONE),
        cost("s/epoch", "seconds_per_epoch"),
        cost("training s", "training_seconds"),
        cost("samples/s", "samples_per_second"),
    ]


def _number(number: tuple[float, float | None] | None) -> str:
    if number is None:
        return NONE
    mean, deviation = number
    return f"{mean:.4g}" + ("" if deviation is None else f" ± {deviation:.2g}")


def _plain(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _shortened(cell: str, *, most: int = 40) -> str:
    return cell if len(cell) <= most else f"{cell[: most - 3]}..."


def _row_to_dict(row: Row) -> Mapping:
    return {
        "name": row.recipe.name,
        "recipe": str(row.recipe.path),
        "published": row.recipe.published,
        "trainings": [
            {
                "seed": one.job.seed,
                "folder": str(one.job.folder.path),
                "flags": one.job.training,
                "error": one.error,
                "result": None if one.result is None else one.result.to_dict(),
            }
            for one in row.trainings
        ],
    }
