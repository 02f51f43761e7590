# SPDX-License-Identifier: Apache-2.0
"""Tables that vary a flag: a row for each system, a column for each value."""

__all__ = ["draw", "lines", "missing"]

import math
import pathlib
from collections.abc import Mapping, Sequence

from glf_tf import files
from glf_tf.comparison import columns as columns_lib
from glf_tf.comparison import row as row_lib
from glf_tf.comparison import table as table_lib
from glf_tf.evidence import table_file
from glf_tf.plotting import sweep_figure


def lines(table: table_file.TableFile, shown: table_lib.Table) -> list[str]:
    """Returns Markdown: for each column of the table, one by the values of its flag.

    Published figures stand in brackets behind those of the first column. What is the
    same for all systems, such as chance, has one row.
    """
    by_name = {row.recipe.name: row for row in shown.rows}
    found = []
    for number, column in enumerate(shown.columns()):
        head = [column.title, *(f"{table.vary.title} {v}" for v in table.vary.values)]
        body = {
            group: [
                _cell(column, row, by_name, has_published=number == 0)
                for row in rows.values()
            ]
            for group, rows in _groups(table).items()
        }
        found += [*_markdown(head, _shared(body) or body), ""]
    return found[:-1]


def missing(table: table_file.TableFile, shown: table_lib.Table) -> list[str]:
    """Returns the systems of which nothing was measured."""
    known = {row.recipe.name for row in shown.rows}
    return [
        group
        for group, rows in _groups(table).items()
        if known.isdisjoint(row.name for row in rows.values())
    ]


def draw(
    table: table_file.TableFile, shown: table_lib.Table, *, path: pathlib.Path
) -> bool:
    """Writes a picture of the table's measures by the values of its flag.

    What is the same for all systems is left out.

    Args:
        table: The table, which varies a flag.
        shown: What was measured of it.
        path: The PNG.

    Returns:
        is_drawn: Whether anything was measured.
    """
    by_name = {row.recipe.name: row for row in shown.rows}
    panels = {}
    for column in shown.columns():
        found = {
            group.replace("*", ""): [
                _point(column, row, by_name) for row in of.values()
            ]
            for group, of in _groups(table).items()
        }
        cells = {
            group: [str(point.mean) for point in line] for group, line in found.items()
        }
        points = [point for line in found.values() for point in line]
        is_known = not all(math.isnan(point.mean) for point in points)
        if is_known and not _shared(cells, none="nan"):
            panels[column.title] = found
    if not panels:
        return False
    figure = sweep_figure.draw(panels, option=table.vary.title.rstrip(":"))
    with files.replacing(path) as stream:
        figure.savefig(stream, format="png")
    return True


def _point(
    column: columns_lib.Column,
    row: table_file.Row,
    by_name: Mapping[str, row_lib.Row],
) -> sweep_figure.Point:
    known = by_name.get(row.name)
    number = known and column.number(known)
    return sweep_figure.Point(row.value, *(number or (math.nan, None)))


def _groups(
    table: table_file.TableFile,
) -> Mapping[str, Mapping[str, table_file.Row]]:
    """Returns the rows by their system, and by the value of the flag."""
    found: dict[str, dict[str, table_file.Row]] = {}
    for row in table.rows:
        found.setdefault(row.group, {})[row.value] = row
    return found


def _cell(
    column: columns_lib.Column,
    row: table_file.Row,
    by_name: Mapping[str, row_lib.Row],
    *,
    has_published: bool,
) -> str:
    ours = columns_lib.NONE
    if row.name in by_name:
        ours = column.value(by_name[row.name])
    return f"{ours} ({row.published})" if row.published and has_published else ours


def _shared(
    body: Mapping[str, Sequence[str]], *, none: str = columns_lib.NONE
) -> Mapping[str, Sequence[str]]:
    """Returns one row for all systems; nothing if two of them differ at a value."""
    by_value = [
        {cell for cell in cells if cell != none}
        for cells in zip(*body.values(), strict=True)
    ]
    if len(body) == 1 or any(len(cells) > 1 for cells in by_value):
        return {}
    return {"all": [next(iter(cells), none) for cells in by_value]}


def _markdown(head: Sequence[str], body: Mapping[str, Sequence[str]]) -> list[str]:
    aligned = [":--", *["--:"] * (len(head) - 1)]
    rows = ([group, *cells] for group, cells in body.items())
    return [f"| {' | '.join(cells)} |" for cells in (head, aligned, *rows)]
