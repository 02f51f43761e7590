# SPDX-License-Identifier: Apache-2.0
"""Tables that vary a flag: a row for each system, a column for each value."""

__all__ = ["lines"]

from collections.abc import Mapping, Sequence

from glf_tf.comparison import columns as columns_lib
from glf_tf.comparison import row as row_lib
from glf_tf.comparison import table as table_lib
from glf_tf.evidence import table_file


def lines(table: table_file.TableFile, shown: table_lib.Table) -> list[str]:
    """Returns Markdown: for each column of the table, one by the values of its flag.

    Published figures stand in brackets behind ours.
    """
    by_name = {row.recipe.name: row for row in shown.rows}
    found = []
    for column in shown.columns():
        head = [column.title, *(f"{table.vary.title} {v}" for v in table.vary.values)]
        body = [
            [group, *(_cell(column, row, by_name) for row in rows.values())]
            for group, rows in _groups(table).items()
        ]
        found += [*_markdown(head, body), ""]
    return found[:-1]


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
) -> str:
    ours = columns_lib.NONE
    if row.name in by_name:
        ours = column.value(by_name[row.name])
    return f"{ours} ({row.published})" if row.published else ours


def _markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    aligned = [":--", *["--:"] * (len(head) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (head, aligned, *body)]
