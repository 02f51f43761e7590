# SPDX-License-Identifier: Apache-2.0
"""Tables of records in documents.

They lie between two comments, which stay:

<!-- table: sharpening_mnist -->
...
<!-- end of table -->

Those of the measures of one run, by tools/evaluate.py, lie between
<!-- evaluation: NAME --> and <!-- end of evaluation -->.
"""

__all__ = ["names", "updated", "measured", "to_markdown"]

import pathlib
import re
from collections.abc import Callable, Mapping

from glf_tf import errors
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import row as row_lib
from glf_tf.comparison import table as table_lib
from glf_tf.evidence import by_value, records, table_file
from glf_tf.experiments import folder as folder_lib

_BLOCK = re.compile(
    r"^(?P<start><!-- (?P<kind>table|evaluation): (?P<name>.*?) -->)\n"
    r".*?^(?P<end><!-- end of (?P=kind) -->)$",
    re.M | re.S,
)
_COMMENT = re.compile(
    r"^<!-- ((table|evaluation): .*|end of (table|evaluation)) -->$", re.M
)

_MOST_NAMES = 4
"""Rows that are named one by one below a table."""


def names(text: str) -> list[str]:
    """Returns the names of a document's tables."""
    found = _BLOCK.finditer(text)
    return [block["name"] for block in found if block["kind"] == "table"]


def updated(text: str, *, render: Mapping[str, Callable[[str], str]]) -> str:
    """Returns a document with its tables made anew.

    Args:
        text: The document.
        render: Functions that return a table in Markdown by its name, one for each
            kind, "table" and "evaluation".

    Raises:
        InvalidValue: A comment has no other one.
    """

    def made(block):
        text = render[block["kind"]](block["name"])
        return f"{block['start']}\n{text}{block['end']}"

    without = _BLOCK.sub("", text)
    if alone := _COMMENT.search(without):
        raise errors.InvalidValue(
            "A table lies between <!-- table: NAME --> and <!-- end of table -->",
            received=f"{alone.group()} without the other",
            do="Add the other comment, in a line of its own",
        )
    return _BLOCK.sub(made, text)


def measured(
    table: table_file.TableFile, *, folder: pathlib.Path
) -> tuple[table_lib.Table, list[records.Evidence]]:
    """Returns what the records of a table say, and the records.

    Args:
        table: The table.
        folder: The folder of all records.

    Raises:
        NotFound: No row was measured.
        Damaged: A record is not one of this table, or rows had different protocols.
    """
    by_row = {row.name: records.read(folder, table, row) for row in table.rows}
    found = [evidence for each in by_row.values() for evidence in each]
    real = records.read_real(folder, table)
    if not found or real is None:
        raise errors.NotFound(
            "A table in a document needs records",
            received=f"none in {folder / table.name}",
            do=f"Run tools/reproduce.py --table={table.name} --records={folder}",
        )
    for evidence in found:
        if evidence.protocol != real.protocol:
            raise errors.Damaged(
                "All rows of a table must be measured in one way",
                received=f"another way of {' '.join(evidence.arguments)}, seed "
                f"{evidence.seed}",
                do="Measure it again: the same command does",
            )
    _check_starts(table, by_row)
    shown = table_lib.Table(
        rows=tuple(
            _row(table.row(name), each) for name, each in by_row.items() if each
        ),
        real=real.measurements,
        protocol=(found[0].text,),
        is_sorted=False,
        **table.shown,
    )
    return shown, found


def to_markdown(table: table_file.TableFile, *, folder: pathlib.Path) -> str:
    """Returns what a document says of a table: its records, and how they came about.

    Args:
        table: The table.
        folder: The folder of all records.

    Raises:
        NotFound: No row was measured.
        Damaged: A record is not one of this table, or rows had different protocols.
    """
    shown, found = measured(table, folder=folder)
    if table.vary is None:
        known = {row.recipe.name for row in shown.rows}
        missing = [row.title or row.name for row in table.rows if row.name not in known]
        lines = shown.lines()
    else:
        missing, lines = by_value.missing(table, shown), by_value.lines(table, shown)
    notes = [*shown.protocol, *_about(table, found), *shown.notes, *table.notes]
    notes += _fewer(table, shown)
    if missing:
        notes.append(f"Not run here: {'; '.join(missing)}")
    return "\n".join([*lines, "", *(f"* {note}." for note in notes)]) + "\n"


def _about(table, found) -> list[str]:
    """Returns how a table comes about again."""
    versions = {f"TensorFlow {each.versions.get('tensorflow')}" for each in found}
    where = "" if _comes_along(found[0].flags) else " --data_dir=FOLDER_OF_THE_DATA"
    return [
        f"`python tools/reproduce.py --table={table.name} --out=FOLDER{where}`, "
        f"{', '.join(sorted(versions))}; ± is the deviation over seeds, or over draws "
        "where there is one seed",
    ]


def _comes_along(flags) -> bool:
    """Returns whether a run's data need no files: the innermost data set is digits."""
    return any(k.split(".")[-1] == "dataset" and flags[k] == "digits" for k in flags)


def _check_starts(
    table: table_file.TableFile, by_row: Mapping[str, list[records.Evidence]]
) -> None:
    """Checks that trainings started from those of the rows that their table names."""
    for row in table.rows:
        known = {each.seed: each.checkpoint for each in by_row.get(row.start, ())}
        is_shared = row.start and len(table.row(row.start).seeds) == 1
        for each in by_row[row.name]:
            of = known.get(next(iter(known), 0) if is_shared else each.seed)
            if of and each.start and each.start != of:
                raise errors.Damaged(
                    "A training must have started from the one that its table names",
                    received=f"{row.name}, seed {each.seed}, from another one than "
                    f"that of {row.start}",
                    do="Train it again: the same command does",
                )


def _fewer(table: table_file.TableFile, shown: table_lib.Table) -> list[str]:
    """Returns which rows have fewer trainings than their table lists."""
    found: dict[str, list[str]] = {}
    for row in shown.rows:
        have, seeds = len(row.trainings), len(table.row(row.recipe.name).seeds)
        if have < seeds:
            name = row.recipe.title or row.recipe.name
            found.setdefault(f"{have} of the {seeds} seeds", []).append(name)
    return [
        f"{what} that the table lists: "
        + ("; ".join(names) if len(names) <= _MOST_NAMES else f"{len(names)} rows")
        for what, names in found.items()
    ]


def _row(row: table_file.Row, found: list[records.Evidence]) -> row_lib.Row:
    """Returns a row of a comparison's table."""
    recipe = job_lib.Recipe(
        name=row.name,
        path=pathlib.Path(row.recipes[0]),
        published=row.published,
        title=row.title,
        why=row.why,
    )
    return row_lib.Row(recipe, tuple(_training(recipe, each) for each in found))


def _training(recipe, evidence) -> row_lib.Training:
    job = job_lib.Job(
        recipe=recipe,
        seed=evidence.seed,
        folder=folder_lib.Folder(pathlib.Path(recipe.name)),
        command=(),
        plan={"flags": evidence.flags},
    )
    return row_lib.Training(job, evidence.result, error=evidence.error)
