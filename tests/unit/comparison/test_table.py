# SPDX-License-Identifier: Apache-2.0
"""The table of a comparison: what stands below it."""

import dataclasses
import pathlib

import pytest

from glf_tf.evidence import documents, table_reader

ROOT = pathlib.Path(__file__).parents[3]


def measured(keys, *, noted, of=("recall", "samples")):
    """Returns a table of three rows, of which some have a note on a measure."""
    file = table_reader.read(ROOT / "reproduce/equal_means_mnist.toml")
    shown, _ = documents.measured(file, folder=ROOT / "reproduce/records")
    rows = shown.rows[:3]
    rows = [with_note(row, of) if row in noted(rows) else row for row in rows]
    return dataclasses.replace(shown, rows=tuple(rows), keys=keys)


def with_note(row, of):
    def noted(each):
        is_it = (each.metric, each.protocol.source) == of
        return dataclasses.replace(each, notes=("it is odd",) if is_it else ())

    def changed(training):
        found = tuple(map(noted, training.result.measurements))
        result = dataclasses.replace(training.result, measurements=found)
        return dataclasses.replace(training, result=result)

    return dataclasses.replace(row, trainings=tuple(map(changed, row.trainings)))


def odd(table):
    return [note for note in table.notes if "odd" in note]


def test_a_note_on_all_rows_is_said_once():
    table = measured(("fd", "recall"), noted=lambda rows: rows)
    assert odd(table) == ["it is odd"]


def test_a_note_on_some_rows_names_them():
    table = measured(("fd", "recall"), noted=lambda rows: rows[1:])
    names = "; ".join(row.recipe.title for row in table.rows[1:])
    assert odd(table) == [f"it is odd ({names})"]


@pytest.mark.parametrize("keys", [("fd",), ("fd", "precision"), ("nll/test latents",)])
def test_a_note_on_what_is_not_shown_is_not_said(keys):
    assert not odd(measured(keys, noted=lambda rows: rows))


def test_a_note_is_that_of_what_was_measured():
    of = ("nll", "validation latents")
    for keys, count in {"nll/test latents": 0, "nll/validation latents": 1}.items():
        assert len(odd(measured((keys,), noted=lambda rows: rows, of=of))) == count
