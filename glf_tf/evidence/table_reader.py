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

__all__ = ["read"]

import dataclasses
import math
import pathlib
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from glf_tf import errors
from glf_tf.comparison import columns as columns_lib
from glf_tf.evidence import table_file
from glf_tf.metrics.extractors import names as extractor_names

_NAME = re.compile(r"[a-z0-9_]+")
_SEEDS = 2**31


def read(path: pathlib.Path) -> table_file.TableFile:
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
    except RecursionError as error:
        raise _wrong(path, "tables or lists nested too deep") from error
    try:
        return _table(found, path=path)
    except _Wrong as wrong:
        raise _wrong(path, str(wrong)) from wrong


class _Wrong(Exception):
    """What is wrong with a file, in words."""


def _wrong(path: pathlib.Path, what: str) -> errors.InvalidValue:
    return errors.InvalidValue(
        "The file of a table is TOML with a title and rows",
        received=f"{path}: {what}",
        do="Correct it; docs/tables.md has all keys",
    )


def _table(found: dict, *, path: pathlib.Path) -> table_file.TableFile:
    rows = found.pop("rows", [])
    budgets = found.pop("budgets", {})
    _expect(isinstance(rows, list) and rows, "rows", "[[rows]], at least one")
    _expect(isinstance(budgets, dict), "budgets", "[budgets.NAME]")
    varied = found.pop("vary", None)
    vary = None if varied is None else _made(table_file.Vary, varied, where="vary")
    table = _made(
        table_file.TableFile,
        found,
        where="the file",
        name=path.stem,
        path=path,
        rows=_rows(rows, vary=vary),
        vary=vary,
        budgets={
            name: _made(table_file.Budget, budget, where=f"budgets.{name}")
            for name, budget in budgets.items()
        },
        measure=_made(table_file.Measure, found.pop("measure", {}), where="measure"),
    )
    _check(table)
    return table


def _rows(found: list, *, vary: table_file.Vary | None) -> tuple[table_file.Row, ...]:
    """Returns the rows: those of the file, or one for each of their values."""
    ours = {"group": "", "value": ""}
    rows = [
        _made(table_file.Row, row, where=f"rows[{n}]", **ours)
        for n, row in enumerate(found)
    ]
    if vary is None:
        return tuple(rows)
    _expect(len(set(vary.values)) == len(vary.values) > 0, "vary.values", "distinct")
    return tuple(each for row in rows for each in _varied(row, vary))


def _varied(row: table_file.Row, vary: table_file.Vary) -> list[table_file.Row]:
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


def _check(table: table_file.TableFile) -> None:
    """Checks what no single value shows."""
    _expect(_NAME.fullmatch(table.name), "its name", "of a-z, 0-9 and _")
    _expect(
        table_file.FULL not in table.budgets,
        "budgets.full",
        "left out: it is the file as is",
    )
    kinds = ("models", "anomalies")
    _expect(table.measure.kind in kinds, "measure.kind", f"one of {', '.join(kinds)}")
    _check_measure(table.measure)
    _check_columns(table)
    before = {}
    for row in table.rows:
        where = f"row {row.name}"
        _expect(_NAME.fullmatch(row.name), where, "named by a-z, 0-9 and _")
        _expect(row.name not in before, where, "there once")
        _expect(row.recipes, f"recipes of {where}", "one or more")
        distinct = len(set(row.seeds)) == len(row.seeds)
        _expect(row.seeds and distinct, f"seeds of {where}", "distinct, one or more")
        seeds = f"{_SEEDS:,}"
        _expect(max(row.seeds) < _SEEDS, f"seeds of {where}", f"below {seeds}")
        if row.start:
            _expect(row.start in before, f"start of {where}", "an earlier row")
            seeds = before[row.start].seeds
            is_known = len(seeds) == 1 or set(row.seeds) <= set(seeds)
            _expect(is_known, f"seeds of {where}", f"among those of {row.start}")
        before[row.name] = row


def _check_measure(measure: table_file.Measure) -> None:
    """Checks how trainings are measured, before any is trained."""
    splits = ("train", "validation", "test")
    _expect(measure.reference_split in splits, "reference_split", " or ".join(splits))
    _expect(measure.samples >= 2, "samples in measure", "2 or more")
    _expect(measure.trials >= 1, "trials in measure", "1 or more")
    _expect(measure.extractors, "extractors", "one or more")
    _expect(measure.completed >= 2, "completed in measure", "2 or more")
    _expect(measure.recovered != 1, "recovered in measure", "0, or 2 or more")
    _expect(measure.attempts >= 1, "attempts in measure", "1 or more")
    for name in measure.masks:
        is_free = _NAME.fullmatch(name) and name != columns_lib.RECOVERED
        _expect(is_free, f"masks.{name}", f"of a-z, 0-9 and _, not {name}")
    for name in measure.extractors:
        try:
            extractor_names.check(name)
        except errors.InvalidValue as error:
            raise _Wrong(f"{error.received}: {error.rule}") from error


def _check_columns(table: table_file.TableFile) -> None:
    """Checks the columns, before anything is trained."""
    _expect(all(table.columns), "columns", "names of columns")
    _expect(len(set(table.columns)) == len(table.columns), "columns", "distinct")
    measure = table.measure
    others = {name: name for name in measure.extractors[1:]}
    is_kind = {"finds_anomalies": measure.kind == "anomalies"}
    further = {"hidden": measure.hidden, "scalars": measure.scalars}
    how = {"others": others, **further, **is_kind}
    try:
        columns_lib.chosen(table.columns, **how)
    except errors.InvalidValue as error:
        raise _Wrong(f"columns has {error.received}: {error.do}") from error


def _made(kind: type, found: object, *, where: str, **given):
    """Returns an instance of a data class with a table's values, which are checked."""
    _expect(isinstance(found, dict), where, "a table")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key, value in found.items():
        if key not in fields or key in given:
            raise _Wrong(f"{where} has no key {key}")
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
    if kind == Mapping[str, Any]:
        return _specification(value, where=where)
    if kind == Mapping[str, Mapping[str, Any]]:
        _expect(isinstance(value, dict), where, "a table of specifications")
        names = value.items()
        return {
            name: _specification(v, where=f"{name} of {where}") for name, v in names
        }
    is_list = isinstance(value, list)
    if kind == tuple[int, ...]:
        _expect(is_list and all(map(_is_whole, value)), where, "a list of numbers")
    else:
        are_texts = is_list and all(isinstance(each, str) for each in value)
        _expect(are_texts, where, "a list of texts")
    return tuple(value)


def _specification(value: object, *, where: str) -> dict[str, Any]:
    """Returns the specification of a part, which is checked when it is built."""
    has_name = isinstance(value, dict) and isinstance(value.get("name"), str)
    _expect(has_name, where, 'a part, as in {name = "square", size = 4}')
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _expect(is_right: object, where: str, what: str) -> None:
    if not is_right:
        raise _Wrong(f"{where} must be {what}")
