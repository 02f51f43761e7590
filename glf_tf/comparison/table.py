# SPDX-License-Identifier: Apache-2.0
"""The table of a comparison: as text, Markdown and JSON."""

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
    """The outcome of one training of a recipe.

    Attributes:
        job: The training.
        result: The results; None if it failed.
        error: The error if it failed, or "".
    """

    job: job_lib.Job
    result: record_lib.Result | None
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A recipe with all its trainings.

    Attributes:
        recipe: The recipe.
        trainings: One per seed, at least one.
    """

    recipe: job_lib.Recipe
    trainings: tuple[Training, ...]

    @property
    def results(self) -> list[record_lib.Result]:
        """The results of the trainings that did not fail."""
        return [
            training.result
            for training in self.trainings
            if training.result is not None
        ]

    def number(
        self, metric: str, *, source: str, extractor: str = ""
    ) -> tuple[float, float | None] | None:
        """Returns mean and standard deviation of a measurement, or None.

        Over the seeds; over the trials if there is only one seed.
        """
        how = {"source": source, "extractor": extractor}
        found = [result.of(metric, **how) for result in self.results]
        found = [measurement for measurement in found if measurement is not None]
        if len(found) == 1:
            return found[0].mean, found[0].std
        means = [measurement.mean for measurement in found]
        return (statistics.fmean(means), statistics.stdev(means)) if means else None

    def cost(self, field: str) -> float | None:
        """Returns the mean of a cost over the seeds, or None."""
        costs = [getattr(result.cost, field) for result in self.results]
        costs = [cost for cost in costs if cost is not None]
        return statistics.fmean(costs) if costs else None

    @property
    def numbers(self) -> dict[str, float]:
        """Means of all measurements, by name."""
        found = {}
        for result in self.results[:1]:
            for measurement in result.measurements:
                how = measurement.protocol
                name = f"comparison/{how.source}/{measurement.metric}"
                if name in found:  # by another extractor than the main one
                    name = f"{name}_{how.extractor}"
                found[name], _ = self.number(
                    measurement.metric, source=how.source, extractor=how.extractor
                )
        costs = ("parameters", "seconds_per_epoch", "samples_per_second")
        values = {f"comparison/{field}": self.cost(field) for field in costs}
        return found | {name: v for name, v in values.items() if v is not None}

    @property
    def epochs(self) -> str:
        """The epochs of each stage."""
        texts = []
        for result in self.results:
            epochs = result.cost.epochs
            named = [f"{name} {count}" for name, count in epochs.items()]
            alone = ", ".join(str(count) for count in epochs.values())
            texts.append(", ".join(named) if len(epochs) > 1 else alone)
        return " / ".join(dict.fromkeys(texts))

    @property
    def notes(self) -> list[str]:
        """Failures, and notes on the measurements."""
        notes = []
        for training in self.trainings:
            result = training.result
            found = [training.error] if result is None else result.cost.notes
            notes += [f"{training.job.name}: {note}" for note in found]
        return notes


@dataclasses.dataclass(frozen=True)
class Table:
    """All recipes under one protocol.

    Attributes:
        rows: The recipes, in any order.
        real: The measurements of real images.
        protocol: Lines that describe the protocol.
    """

    rows: tuple[Row, ...]
    real: tuple[protocol.Measurement, ...]
    protocol: tuple[str, ...]

    @property
    def sorted_rows(self) -> list[Row]:
        """The rows, best first; those without a result last."""

        def score(row):
            chosen = row.number("nll", source="validation latents")
            number = chosen or row.number("fd", source="samples")
            return float("inf") if number is None else number[0]

        return sorted(self.rows, key=score)

    @property
    def notes(self) -> list[str]:
        """All notes, without repetition."""
        found = [note for row in self.sorted_rows for note in row.notes]
        results = [result for row in self.rows for result in row.results]
        for result in results:
            found += [
                note
                for measurement in result.measurements
                for note in measurement.notes
            ]
        dates = sorted({result.date for result in results})
        devices = sorted({result.cost.device for result in results})
        if dates:
            found.append(f"Measured on {', '.join(devices)}; {', '.join(dates)}")
        if not self._is_fid:
            found.append(
                "Published figures have another protocol and are not comparable "
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
        """Returns everything, by seed and trial, as JSON values."""
        return {
            "version": VERSION,
            "protocol": list(self.protocol),
            "notes": self.notes,
            "real_images": [measurement.to_dict() for measurement in self.real],
            "recipes": [_row_to_dict(row) for row in self.sorted_rows],
        }

    @property
    def _distance(self) -> str:
        """The name of the distance: FID, or FD with the extractor's name."""
        return next(
            measurement.title for measurement in self.real if measurement.metric == "fd"
        )

    @property
    def _is_fid(self) -> bool:
        return self.real[0].protocol.extractor == features.INCEPTION

    def _cells(self) -> list[list[str]]:
        published = "published" if self._is_fid else "published, not comparable"
        columns = self._columns()
        real = {
            measurement.title: (measurement.mean, measurement.std)
            for measurement in reversed(self.real)
        }
        real |= {each.metric: real[each.title] for each in reversed(self.real)}
        real_cells = [_number(real.get(column.real)) for column in columns]
        return [
            ["recipe", *(column.title for column in columns), published],
            ["real images", *real_cells, ""],
            *(
                [row.recipe.name, *self._values(row, columns), row.recipe.published]
                for row in self.sorted_rows
            ),
        ]

    def _columns(self) -> list["_Column"]:
        """Returns the columns: first those of modes, if any were counted."""
        has_modes = any(each.metric == "modes_covered" for each in self.real)
        return [*(_mode_columns() if has_modes else []), *self._other_columns()]

    def _other_columns(self) -> list["_Column"]:
        """Returns the columns, those of densities for rows with one encoder."""
        results = [result for row in self.rows for result in row.results]
        others = {
            each.title: each.protocol.extractor
            for each in self.real
            if each.metric == "fd" and each.title != self._distance
        }
        source = "validation latents"
        is_shared = any(result.of("nll", source=source) for result in results)
        columns = _density_columns if is_shared else _columns
        return columns(self._distance, others=others)

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


def _measured(
    title: str,
    metric: str,
    source: str = "samples",
    *,
    extractor: str = "",
    real: str = "",
) -> _Column:
    """Returns the column of a measure, by default the main extractor's.

    Args:
        title: The title.
        metric: The measure.
        source: What is measured.
        extractor: The name of a further extractor.
        real: Name of that of real images; by default the metric, of samples alone.
    """
    how = {"source": source, "extractor": extractor}
    of_real = real or (metric if source == "samples" else "")
    return _Column(title, lambda row: _number(row.number(metric, **how)), real=of_real)


def _cost(title: str, field: str) -> _Column:
    return _Column(title, lambda row: _plain(row.cost(field)))


def _epochs() -> _Column:
    return _Column("epochs", lambda row: row.epochs or NONE)


def _distances(distance: str, *, others: Mapping[str, str]) -> list[_Column]:
    """Returns the columns of distances of samples, the main one first."""
    further = (
        _measured(title, "fd", extractor=by, real=title) for title, by in others.items()
    )
    return [_measured(distance, "fd"), *further]


def _mode_columns() -> list[_Column]:
    return [_measured("modes", "modes_covered"), _measured("KL of modes", "modes_kl")]


def _columns(distance: str, *, others: Mapping[str, str]) -> list[_Column]:
    """Returns the columns of whole models; see `_density_columns`."""
    of = "reconstructions"
    return [
        *_distances(distance, others=others),
        _measured(f"of {of}", "fd", of),
        *(
            _measured(f"of {of}, {title}", "fd", of, extractor=by)
            for title, by in others.items()
        ),
        _measured("error an image", "reconstruction_per_image", of),
        _measured("precision", "precision"),
        _measured("recall", "recall"),
        _measured("coverage", "coverage"),
        _cost("parameters", "parameters"),
        _epochs(),
        _cost("s/epoch", "seconds_per_epoch"),
        _cost("training s", "training_seconds"),
        _cost("samples/s", "samples_per_second"),
    ]


def _density_columns(distance: str, *, others: Mapping[str, str]) -> list[_Column]:
    """Returns the columns of densities on the codes of one encoder.

    Args:
        distance: The name of the main distance.
        others: The extractors of further distances, by the distance's name.
    """
    return [
        _measured("NLL, validation", "nll", "validation latents"),
        _measured("NLL, test", "nll", "test latents"),
        *_distances(distance, others=others),
        _measured("recall", "recall"),
        _measured("coverage", "coverage"),
        _cost("parameters", "prior_parameters"),
        _epochs(),
        _cost("training s", "training_seconds"),
        _cost("fit s", "fit_seconds"),
        _cost("latents/s", "latents_per_second"),
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
                "seed": training.job.seed,
                "folder": str(training.job.folder.path),
                "flags": training.job.training,
                "error": training.error,
                "result": None
                if training.result is None
                else training.result.to_dict(),
            }
            for training in row.trainings
        ],
    }
