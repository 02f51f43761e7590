# SPDX-License-Identifier: Apache-2.0
"""A table: which trainings it lists, and how they are measured."""

__all__ = ["FULL", "Budget", "Measure", "Row", "TableFile", "Vary"]

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from glf_tf import errors
from glf_tf.comparison import columns as columns_lib

FULL = "full"
"""The budget of a table as it stands in its file."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A row: one training for each seed.

    Attributes:
        name: Its name, of lower-case letters, digits and underscores.
        recipes: Names or paths of recipes, one after another.
        title: What it is called in the table; by default its name.
        flags: Further flags of tools/train.py.
        seeds: The seeds.
        start: The name of an earlier row, from whose weights it starts: from those of
            the same seed, or of the only one that it has. "" for none.
        published: The published figure; where the table varies a flag, one for each
            value, separated by spaces.
        why: Why ours differs.
        group: The row of the file that it is of, where the table varies a flag.
        value: The value of that flag.
    """

    name: str
    recipes: tuple[str, ...]
    title: str = ""
    flags: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    start: str = ""
    published: str = ""
    why: str = ""
    group: str = ""
    value: str = ""


@dataclasses.dataclass(frozen=True)
class Vary:
    """A flag of which each row has several values, which documents show as columns.

    Attributes:
        flag: Its name, without dashes.
        values: The values.
        title: What it is called.
    """

    flag: str
    values: tuple[str, ...]
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Measure:
    """How trainings are measured.

    Attributes:
        kind: "models": distances and costs of whole models; "anomalies": how well they
            find the class that training left out, for which nothing below but `weight`
            and `inference` counts.
        weight: Weight of the likelihood in scores of anomalies; a model's own score is
            as in its options.
        samples: Number of samples a trial.
        trials: Number of independent draws.
        extractors: What makes features, the main one first.
        reference_split: The split of the real images.
        likelihoods: Whether all rows start from one encoder, so that the likelihoods of
            its codes compare and are measured too.
        scalars: Scalars of training, such as "epoch/nll", whose last values are shown.
        inference: The specification of the chains that reconstruct and score for
            models without an encoder, and find what is hidden; empty for the models'
            own.
        masks: Specifications of what is hidden of test images, by the name of a column:
            chains complete them.
        completed: Number of test images that are completed.
        attempts: Completions an image.
        recovered: Number of training images that are recovered, whose pixels training
            hid; 0 for none.
    """

    kind: str = "models"
    weight: float = 1.0
    samples: int = 10_000
    trials: int = 3
    extractors: tuple[str, ...] = ("classifier", "random_convolutional")
    reference_split: str = "test"
    likelihoods: bool = False
    scalars: tuple[str, ...] = ()
    inference: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    masks: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    completed: int = 200
    attempts: int = 4
    recovered: int = 0

    @property
    def inferred(self) -> dict[str, Any] | None:
        """What chains do, as options of `comparison.inferring`; None for nothing."""
        if not (self.inference or self.masks or self.recovered):
            return None
        return {
            "chain": self.inference,
            "masks": self.masks,
            "completed": self.completed,
            "attempts": self.attempts,
            "recovered": self.recovered,
        }

    @property
    def hidden(self) -> tuple[str, ...]:
        """What pixels are hidden of: the names of masks, and of what is recovered."""
        return (*self.masks, *([columns_lib.RECOVERED] if self.recovered else []))

    def cut(self, *, samples: int, trials: int) -> "Measure":
        """Returns the measures of fewer samples and trials; 0 for as many."""
        most = samples or max(self.completed, self.recovered)
        return dataclasses.replace(
            self,
            samples=samples or self.samples,
            trials=trials or self.trials,
            completed=min(self.completed, most),
            recovered=min(self.recovered, most),
        )


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a smaller budget changes.

    Attributes:
        flags: Further flags of all trainings.
        max_epochs: The most epochs of any stage; 0 for as many as without it.
        seeds: The only seeds of which there is training; empty for all of a row's.
        samples: Number of samples a trial, and the most images that are completed and
            recovered; 0 for those of the table.
        trials: Number of draws; 0 for those of the table.
    """

    flags: tuple[str, ...] = ()
    max_epochs: int = 0
    seeds: tuple[int, ...] = ()
    samples: int = 0
    trials: int = 0

    def described(self) -> str:
        """Returns what it changes, such as "--epochs=3, seeds 0, 500 samples"."""
        counts = {
            "epochs a stage at most": self.max_epochs,
            "samples": self.samples,
            "draws": self.trials,
        }
        seeds = ", ".join(map(str, self.seeds))
        found = [*self.flags, *([f"seeds {seeds}"] if seeds else [])]
        found += [f"{count:,} {what}" for what, count in counts.items() if count]
        return ", ".join(found) or "nothing"


@dataclasses.dataclass(frozen=True)
class TableFile:
    """A table.

    Attributes:
        name: The name of its file, without suffix.
        path: The file.
        title: Its title.
        rows: The rows, in the table's order.
        measure: How trainings are measured.
        flags: Flags of all trainings, after those of their recipes and before those of
            their rows; the last one counts.
        budgets: What smaller budgets change, by name.
        columns: Keys of the columns that documents show; empty for all.
        notes: What documents say below the table.
        vary: A flag of which each row of the file has several values; None for none.
        max_epochs: The most epochs of any stage; 0 for those of the recipes.
        curves: Scalars of training, such as "epoch/nll", that are drawn of the first
            seed of each row; empty for none.
    """

    name: str
    path: pathlib.Path
    title: str
    rows: tuple[Row, ...]
    measure: Measure = Measure()
    flags: tuple[str, ...] = ()
    budgets: Mapping[str, Budget] = dataclasses.field(default_factory=dict)
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    vary: Vary | None = None
    max_epochs: int = 0
    curves: tuple[str, ...] = ()

    @property
    def shown(self) -> dict[str, tuple[str, ...]]:
        """What it shows, as fields of `comparison.table.Table`."""
        measure = self.measure
        scalars = measure.scalars
        return {"keys": self.columns, "hidden": measure.hidden, "scalars": scalars}

    def row(self, name: str) -> Row:
        """Returns the row of a name.

        Raises:
            InvalidValue: There is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        names = [row.name for row in self.rows]
        raise errors.InvalidValue(
            f"A row must be one of the table {self.name}",
            received=name,
            do=errors.suggestion(name, names),
        )

    def cut(self, budget: str) -> "TableFile":
        """Returns the table with the trainings of a budget.

        Raises:
            InvalidValue: The table has no such budget.
        """
        if budget == FULL:
            return self
        if budget not in self.budgets:
            known = [FULL, *self.budgets]
            raise errors.InvalidValue(
                f"A budget must be one of the table {self.name}",
                received=budget,
                do=errors.suggestion(budget, known),
            )
        cut = self.budgets[budget]
        return dataclasses.replace(
            self,
            max_epochs=cut.max_epochs or self.max_epochs,
            rows=tuple(_cut(row, cut) for row in self.rows),
            measure=self.measure.cut(samples=cut.samples, trials=cut.trials),
        )

    def arguments(self, row: Row) -> tuple[str, ...]:
        """Returns what a row trains: its recipes, and all flags."""
        return (*row.recipes, *self.flags_of(row))

    def recorded(self, row: Row) -> tuple[str, ...]:
        """Returns what a record says of its row: the arguments, and a cut of epochs."""
        most = (f"max_epochs={self.max_epochs}",) if self.max_epochs else ()
        return (*self.arguments(row), *most)

    def flags_of(self, row: Row) -> tuple[str, ...]:
        """Returns all flags of a row after its recipes."""
        return (*self.flags, *row.flags)


def _cut(row: Row, budget: Budget) -> Row:
    """Returns a row with the budget's flags, and its seeds among the row's own."""
    kept = tuple(seed for seed in row.seeds if seed in budget.seeds) or row.seeds[:1]
    flags = (*row.flags, *budget.flags)
    seeds = kept if budget.seeds else row.seeds
    return dataclasses.replace(row, flags=flags, seeds=seeds)
