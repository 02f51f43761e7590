# SPDX-License-Identifier: Apache-2.0
"""The table of a comparison: as text, Markdown and JSON."""

__all__ = ["Table"]

import dataclasses
import itertools
from collections.abc import Sequence

from glf_tf.comparison import columns as columns_lib
from glf_tf.comparison import record as record_lib
from glf_tf.comparison import row as row_lib
from glf_tf.metrics import protocol
from glf_tf.metrics.extractors import features

VERSION = 1


@dataclasses.dataclass(frozen=True)
class Table:
    """All recipes under one protocol.

    Attributes:
        rows: The recipes, in any order.
        real: The measurements of real images; none where anomalies are found.
        protocol: Lines that describe the protocol.
        keys: Keys of the columns it shows; empty for all.
        hidden: What pixels were to be hidden of, which no row need have measured.
        scalars: Scalars of training that were asked for, which no row need have.
        is_sorted: Whether the best row is the first; otherwise in the given order.
    """

    rows: tuple[row_lib.Row, ...]
    real: tuple[protocol.Measurement, ...]
    protocol: tuple[str, ...]
    keys: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    scalars: tuple[str, ...] = ()
    is_sorted: bool = True

    @property
    def sorted_rows(self) -> list[row_lib.Row]:
        """The rows, best first and those without a result last, if it is sorted."""
        if not self.is_sorted:
            return list(self.rows)

        def score(row):
            precision = row.number("average_precision", source="last")
            if precision is not None:
                return -precision[0]
            chosen = row.number("nll", source="validation latents")
            number = chosen or row.number("fd", source="samples")
            return float("inf") if number is None else number[0]

        return sorted(self.rows, key=score)

    @property
    def notes(self) -> list[str]:
        """Notes on what the table shows, without repetition."""
        found = [note for row in self.sorted_rows for note in row.notes]
        found += self._caveats()
        results = [result for row in self.rows for result in row.results]
        dates = sorted({result.date for result in results})
        devices = sorted({result.cost.device for result in results})
        if dates:
            found.append(f"Measured on {', '.join(devices)}; {', '.join(dates)}")
        has_published = any(row.recipe.published for row in self.rows)
        if has_published and self.real and not self._is_fid:
            found.append(
                "Published figures have another protocol and are not comparable "
                f"with {self._distance}"
            )
        return list(dict.fromkeys(found))

    def _caveats(self) -> list[str]:
        """Returns the notes on what is shown, with their rows if others have none."""
        measured = [row for row in self.sorted_rows if row.results]
        names: dict[str, list[str]] = {}
        for row in measured:
            shown = [column.notes(row) for column in self.columns()]
            for note in dict.fromkeys(itertools.chain(*shown)):
                names.setdefault(note, []).append(row.recipe.title or row.recipe.name)
        is_everywhere = {note: len(of) == len(measured) for note, of in names.items()}
        return [
            note if is_everywhere[note] else f"{note} ({'; '.join(of)})"
            for note, of in names.items()
        ]

    def to_text(self) -> str:
        """Returns the table for a terminal."""
        cells = [[_shortened(cell) for cell in row] for row in self._cells()]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        return "\n".join([*lines, "", *self.protocol, *self.notes])

    def to_markdown(self) -> str:
        """Returns the table as Markdown, with its protocol."""
        notes = [f"* {line}" for line in (*self.protocol, *self.notes)]
        return "\n".join(["# Comparison", "", *self.lines(), "", *notes]) + "\n"

    def lines(self) -> list[str]:
        """Returns the lines of the table in Markdown."""
        head, *rows = (
            [cell.replace("|", "\\|") for cell in row] for row in self._cells()
        )
        texts = ("recipe", "published", "published, not comparable", "why it differs")
        aligned = [":--" if title in texts else "--:" for title in head]
        return [f"| {' | '.join(row)} |" for row in (head, aligned, *rows)]

    def to_dict(self) -> dict:
        """Returns everything, by seed and trial, as JSON values."""
        return {
            "version": VERSION,
            "protocol": list(self.protocol),
            "notes": self.notes,
            "real_images": [measurement.to_dict() for measurement in self.real],
            "recipes": [row.to_dict() for row in self.sorted_rows],
        }

    @property
    def _distance(self) -> str:
        """The name of the distance: FID, or FD with the extractor's name."""
        return next(
            measurement.title for measurement in self.real if measurement.metric == "fd"
        )

    @property
    def _is_fid(self) -> bool:
        return not self.real or self.real[0].protocol.extractor == features.INCEPTION

    def _cells(self) -> list[list[str]]:
        columns = self.columns()
        real = {
            measurement.title: (measurement.mean, measurement.std)
            for measurement in reversed(self.real)
        }
        real |= {each.metric: real[each.title] for each in reversed(self.real)}
        real_cells = [columns_lib.cell(real.get(column.real)) for column in columns]
        texts = self._texts()
        real_row = ["real images", *real_cells, *[""] * len(texts)]
        return [
            ["recipe", *(column.title for column in columns), *texts],
            *([real_row] if self.real else []),
            *(
                [
                    row.recipe.title or row.recipe.name,
                    *self._values(row, columns),
                    *(getattr(row.recipe, name) for name in texts.values()),
                ]
                for row in self.sorted_rows
            ),
        ]

    def _texts(self) -> dict[str, str]:
        """Returns the columns of texts, as attributes of recipes by title."""
        published = "published" if self._is_fid else "published, not comparable"
        found = {published: "published", "why it differs": "why"}
        recipes = [row.recipe for row in self.rows]
        return {
            title: name
            for title, name in found.items()
            if any(getattr(recipe, name) for recipe in recipes)
        }

    def columns(self) -> list[columns_lib.Column]:
        """Returns the columns: first those of modes, if any were counted."""
        if not self.real:
            if self.keys:
                return columns_lib.chosen(self.keys, finds_anomalies=True)
            return [*columns_lib.of_anomalies(), columns_lib.seeds()]
        others = {
            each.title: each.protocol.extractor
            for each in self.real
            if each.metric == "fd" and each.title != self._distance
        }
        how = {"distance": self._distance, "others": others}
        results = [result for row in self.rows for result in row.results]
        hidden = list(dict.fromkeys((*self.hidden, *_hidden(results))))
        scalars = list(dict.fromkeys((*self.scalars, *_scalars(results))))
        if self.keys:
            how |= {"hidden": hidden, "scalars": scalars}
            return columns_lib.chosen(self.keys, **how)
        source = "validation latents"
        is_shared = any(result.of("nll", source=source) for result in results)
        made = columns_lib.of_densities if is_shared else columns_lib.of_models
        has_modes = any(each.metric == "modes_covered" for each in self.real)
        modes = columns_lib.of_modes() if has_modes else []
        return [
            *modes,
            *made(**how),
            *columns_lib.of_hidden(hidden),
            *columns_lib.of_scalars(scalars),
        ]

    def _values(
        self, row: row_lib.Row, columns: Sequence[columns_lib.Column]
    ) -> list[str]:
        if not row.results:
            return ["failed", *[columns_lib.NONE] * (len(columns) - 1)]
        return [column.value(row) for column in columns]


def _hidden(results: Sequence[record_lib.Result]) -> list[str]:
    """Returns what pixels were hidden of, in the order of the measurements."""
    measured = [each for result in results for each in result.measurements]
    errors = [each for each in measured if each.metric == "hidden_error"]
    return list(dict.fromkeys(each.protocol.source for each in errors))


def _scalars(results: Sequence[record_lib.Result]) -> list[str]:
    """Returns the names of scalars of training, in the order of the measurements."""
    measured = [each for result in results for each in result.measurements]
    source = columns_lib.TRAINING
    of_training = [each for each in measured if each.protocol.source == source]
    return list(dict.fromkeys(each.metric for each in of_training))


def _shortened(cell: str, *, most: int = 40) -> str:
    return cell if len(cell) <= most else f"{cell[: most - 3]}..."
