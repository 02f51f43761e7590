# SPDX-License-Identifier: Apache-2.0
"""Reads the file of a table: which trainings it lists, and how they are measured.

It is TOML:

title = "Sharpened decoders, digits"
flags = ["--draw_every=0"]

[measure]
samples = 300
extractors = ["classifier", "random_convolutional"]

[budgets.quick]
flags = ["--epochs=1"]
seeds = [0]

[[rows]]
name = "plain"
recipes = ["glf/digits"]
seeds = [0, 1, 2]

[[rows]]
name = "sharpened"
recipes = ["glf/digits", "sharpen/adversarial"]
start = "plain"
seeds = [0, 1, 2]
"""

__all__ = ["FULL", "Budget", "Measure", "Row", "TableFile", "Vary", "read"]

import dataclasses
import math
import pathlib
import re
import tomllib
from collections.abc import Mapping

from glf_tf import errors
from glf_tf.metrics.extractors import names as extractor_names

FULL = "full"
"""The budget of a table as it stands in its file."""

_NAME = re.compile(r"[a-z0-9_]+")


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
            counts.
        weight: Weight of the likelihood in scores of anomalies.
        samples: Number of samples a trial.
        trials: Number of independent draws.
        extractors: What makes features, the main one first.
        reference_split: The split of the real images.
        likelihoods: Whether all rows start from one encoder, so that the likelihoods of
            its codes compare and are measured too.
    """

    kind: str = "models"
    weight: float = 1.0
    samples: int = 10_000
    trials: int = 3
    extractors: tuple[str, ...] = ("classifier", "random_convolutional")
    reference_split: str = "test"
    likelihoods: bool = False


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a smaller budget changes.

    Attributes:
        flags: Further flags of all trainings.
        max_epochs: The most epochs of any stage; 0 for as many as without it.
        seeds: The only seeds of which there is training; empty for all of a row's.
        samples: Number of samples a trial; 0 for those of the table.
        trials: Number of draws; 0 for those of the table.
    """

    flags: tuple[str, ...] = ()
    max_epochs: int = 0
    seeds: tuple[int, ...] = ()
    samples: int = 0
    trials: int = 0


@dataclasses.dataclass(frozen=True)
class TableFile:
    """A table.

    Attributes:
        name: The name of its file, without suffix.
        path: The file.
        title: Its title.
        rows: The rows, in the table's order.
        measure: How trainings are measured.
        flags: Flags of all trainings, after those of their recipes.
        budgets: What smaller budgets change, by name.
        columns: Keys of the columns that documents show; empty for all.
        notes: What documents say below the table.
        vary: A flag of which each row of the file has several values; None for none.
        max_epochs: The most epochs of any stage; 0 for those of the recipes.
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
        samples = {"samples": cut.samples, "trials": cut.trials}
        changed = {name: number for name, number in samples.items() if number}
        return dataclasses.replace(
            self,
            flags=(*self.flags, *cut.flags),
            max_epochs=cut.max_epochs or self.max_epochs,
            rows=tuple(_with_seeds(row, cut.seeds) for row in self.rows),
            measure=dataclasses.replace(self.measure, **changed),
        )

    def arguments(self, row: Row) -> tuple[str, ...]:
        """Returns what a row trains: its recipes, and all flags."""
        return (*row.recipes, *row.flags, *self.flags)


def read(path: pathlib.Path) -> TableFile:
    """Reads the file of a table.

    Raises:
        NotFound: It cannot be read.
        InvalidValue: It is not the file of a table.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise errors.NotFound(
            "The file of a table must be one that can be read",
            received=f"{path} ({error.strerror})",
            do="Check the path",
        ) from error
    except ValueError as error:
        raise _wrong(path, str(error)) from error
    try:
        return _table(found, path=path)
    except _Wrong as wrong:
        raise _wrong(path, str(wrong)) from wrong


class _Wrong(Exception):
    """What is wrong with a file, in words."""


def _wrong(path: pathlib.Path, what: str) -> errors.InvalidValue:
    return errors.InvalidValue(
        "The file of a table is TOML with a title and rows, as in glf_tf/evidence",
        received=f"{path}: {what}",
        do="Correct it",
    )


def _table(found: dict, *, path: pathlib.Path) -> TableFile:
    rows = found.pop("rows", [])
    budgets = found.pop("budgets", {})
    _expect(isinstance(rows, list) and rows, "rows", "[[rows]], at least one")
    _expect(isinstance(budgets, dict), "budgets", "[budgets.NAME]")
    varied = found.pop("vary", None)
    vary = None if varied is None else _made(Vary, varied, where="vary")
    table = _made(
        TableFile,
        found,
        where="the file",
        name=path.stem,
        path=path,
        rows=_rows(rows, vary=vary),
        vary=vary,
        budgets={
            name: _made(Budget, budget, where=f"budgets.{name}")
            for name, budget in budgets.items()
        },
        measure=_made(Measure, found.pop("measure", {}), where="measure"),
    )
    _check(table)
    return table


def _rows(found: list, *, vary: Vary | None) -> tuple[Row, ...]:
    """Returns the rows: those of the file, or one for each of their values."""
    ours = {"group": "", "value": ""}
    rows = [_made(Row, row, where=f"rows[{n}]", **ours) for n, row in enumerate(found)]
    if vary is None:
        return tuple(rows)
    _expect(len(set(vary.values)) == len(vary.values) > 0, "vary.values", "distinct")
    return tuple(each for row in rows for each in _varied(row, vary))


def _varied(row: Row, vary: Vary) -> list[Row]:
    """Returns a row for each value of the varied flag."""
    published = row.published.split() or [""] * len(vary.values)
    count = len(published) == len(vary.values)
    _expect(count, f"published of row {row.name}", f"{len(vary.values)} figures")
    title = row.title or row.name
    return [
        dataclasses.replace(
            row,
            name=f"{row.name}_{re.sub(r'[^a-z0-9]', '_', value)}",
            title=f"{title}, {vary.title or vary.flag} {value}",
            flags=(*row.flags, f"--{vary.flag}={value}"),
            start=row.start and f"{row.start}_{re.sub(r'[^a-z0-9]', '_', value)}",
            published=figure,
            group=title,
            value=value,
        )
        for value, figure in zip(vary.values, published, strict=True)
    ]


def _check(table: TableFile) -> None:
    """Checks what no single value shows."""
    _expect(_NAME.fullmatch(table.name), "its name", "of a-z, 0-9 and _")
    _expect(FULL not in table.budgets, "budgets.full", "absent: it is the file as is")
    kinds = ("models", "anomalies")
    _expect(table.measure.kind in kinds, "measure.kind", f"one of {', '.join(kinds)}")
    _expect(table.measure.extractors, "extractors", "one or more")
    for name in table.measure.extractors:
        try:
            extractor_names.check(name)
        except errors.InvalidValue as error:
            raise _Wrong(f"{error.received}: {error.rule}") from error
    before = {}
    for row in table.rows:
        where = f"row {row.name}"
        _expect(_NAME.fullmatch(row.name), where, "named by a-z, 0-9 and _")
        _expect(row.name not in before, where, "there once")
        _expect(row.recipes, f"recipes of {where}", "one or more")
        distinct = len(set(row.seeds)) == len(row.seeds)
        _expect(row.seeds and distinct, f"seeds of {where}", "distinct, one or more")
        if row.start:
            _expect(row.start in before, f"start of {where}", "an earlier row")
            seeds = before[row.start].seeds
            is_known = len(seeds) == 1 or set(row.seeds) <= set(seeds)
            _expect(is_known, f"seeds of {where}", f"among those of {row.start}")
        before[row.name] = row


def _with_seeds(row: Row, seeds: tuple[int, ...]) -> Row:
    """Returns a row with the given seeds of its own, or the first if it has none."""
    kept = tuple(seed for seed in row.seeds if seed in seeds) or row.seeds[:1]
    return dataclasses.replace(row, seeds=kept if seeds else row.seeds)


def _made(kind: type, found: object, *, where: str, **given):
    """Returns an instance of a data class with a table's values, which are checked."""
    _expect(isinstance(found, dict), where, "a table")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key, value in found.items():
        _expect(key in fields and key not in given, f"{key} in {where}", "no such key")
        given[key] = _value(value, fields[key].type, where=f"{key} in {where}")
    for name, field in fields.items():
        nothing = dataclasses.MISSING
        is_needed = field.default is nothing and field.default_factory is nothing
        _expect(name in given or not is_needed, f"{name} in {where}", "there")
    return kind(**given)


def _value(value: object, kind: object, *, where: str) -> object:
    if kind is str:
        _expect(isinstance(value, str), where, "a text")
        return value
    if kind is float:
        is_number = _is_whole(value) or isinstance(value, float)
        _expect(is_number and 0 <= value < math.inf, where, "a number, 0 or more")
        return float(value)
    if kind is bool:
        _expect(isinstance(value, bool), where, "true or false")
        return value
    if kind is int:
        _expect(_is_whole(value), where, "a whole number, 0 or more")
        return value
    is_list = isinstance(value, list)
    if kind == tuple[int, ...]:
        _expect(is_list and all(map(_is_whole, value)), where, "a list of numbers")
    else:
        are_texts = is_list and all(isinstance(each, str) for each in value)
        _expect(are_texts, where, "a list of texts")
    return tuple(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _expect(is_right: object, where: str, what: str) -> None:
    if not is_right:
        raise _Wrong(f"{where} must be {what}")
