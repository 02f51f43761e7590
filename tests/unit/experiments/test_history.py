# SPDX-License-Identifier: Apache-2.0
"""What a run knows of itself: its data, and with what it went on."""

import contextlib
import dataclasses
import json

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.datasets import digits
from glf_tf.experiments import experiment, folder, history, plan, replay
from glf_tf.training import loop, options
from tests.unit.experiments import test_experiment


def make_plan(*, epochs=2, rate=1e-3):
    """A plan without pictures, whose recipe says what varies."""
    return dataclasses.replace(
        test_experiment.make_plan(epochs={"": epochs}),
        reports=plan.Reports(log_every=3, draw_every=0, export=False),
        optimizers=options.Optimizers(learning_rate={"": rate}),
        recipe=f"--epochs={epochs}\n--learning_rate={rate}\n",
    )


def entry(number, step, **others):
    return history.Entry(
        number=number,
        step=step,
        changed={},
        recipe="",
        data={},
        replicas=1,
        **{"versions": {}, **others},
    )


def test_what_was_lost_is_not_in_effect():
    entries = [entry(1, 0), entry(2, 70), entry(3, 63), entry(4, 90), entry(5, 90)]
    assert [item.number for item in history.in_effect(entries)] == [1, 3, 5]


def test_a_run_that_goes_on_as_it_was_has_no_new_entry():
    entries = history.extended([], entry(0, 0))
    assert history.extended(entries, entry(0, 70)) == entries
    later = [*entries, entry(2, 70)]
    # From before an entry's step another one must say what holds there.
    assert [item.step for item in history.extended(later, entry(0, 63))] == [0, 70, 63]


def test_changes_have_names_and_values():
    before = entry(1, 0, versions={"keras": "3.0"})
    after = dataclasses.replace(
        before, recipe="--beta=2\n--nofast\n", replicas=2, versions={"keras": "3.1"}
    )
    (_, found) = history.extended([before], after)
    assert found.changed == {
        "beta": [None, "2"],
        "fast": [None, "false"],
        "replicas": [1, 2],
        "keras": ["3.0", "3.1"],
    }


def test_a_changed_run_is_trained_again_from_its_history(tmp_path):
    """Bit for bit, though it was stopped within an epoch and went on otherwise."""
    first, second = make_plan(), make_plan(epochs=3, rate=1e-2)
    run, again = folder.Folder(tmp_path / "run"), folder.Folder(tmp_path / "again")
    with pytest.raises(loop.Stopped, match="step 10"):
        experiment.train(first, run, stop_at=10)
    experiment.train(second, run, resume=True)

    entries = history.read(run.read())
    assert [(item.number, item.step) for item in entries] == [(1, 0), (2, 10)]
    assert entries[1].changed == {
        "epochs": ["2", "3"],
        "learning_rate": ["0.001", "0.01"],
    }
    assert run.flags.read_text() == first.recipe
    assert (run.path / "flags.2.cfg").read_text() == second.recipe

    plans = {item.recipe: item for item in (first, second)}

    def train(part, *, resume):
        with contextlib.suppress(loop.Stopped):
            experiment.train(
                plans[part.recipe], again, resume=resume, stop_at=part.stop_at
            )

    replay.replay(run, again, train=train)
    # One that was broken off goes on with the part that it is in.
    begun = []
    replay.replay(run, again, train=lambda part, **_: begun.append(part), resume=True)
    assert [(part.start, part.stop_at) for part in begun] == [(10, 0)]
    expected = test_experiment.variables(run.path)
    for name, value in test_experiment.variables(again.path).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
    assert test_experiment.lines(again.path) == test_experiment.lines(run.path)


def test_other_data_are_refused_or_accepted_by_name(tmp_path, monkeypatch):
    where = folder.Folder(tmp_path)
    experiment.train(make_plan(epochs=1), where)
    load = digits.Digits.load
    monkeypatch.setattr(
        digits.Digits,
        "load",
        lambda self, split: load(self, split).take(900 if split == "train" else 200),
    )
    with pytest.raises(errors.Damaged, match="900 images .* after train: 1433 images"):
        experiment.train(make_plan(), where, resume=True)
    experiment.train(make_plan(), where, resume=True, accept_new_data=True)
    (_, second) = history.read(where.read())
    assert second.changed["data train images"] == [1433, 900]
    # One epoch of 7 steps is done, and one of 4 was to do.
    state = json.loads((tmp_path / "checkpoints/step_00000011/state.json").read_text())
    assert state["step"] == 8


def test_a_run_of_before_notes_its_data_from_now_on(tmp_path):
    where = folder.Folder(tmp_path)
    experiment.train(make_plan(epochs=0), where)
    described = where.read()
    where.describe({k: v for k, v in described.items() if k not in ("data", "history")})
    (where.path / "run.copy.json").unlink()
    experiment.train(make_plan(epochs=0), where, resume=True)
    assert where.read()["data"] == described["data"]


def test_a_run_goes_on_from_its_copy_and_from_its_best(tmp_path):
    where = folder.Folder(tmp_path)
    experiment.train(make_plan(epochs=1), where)
    where.description.write_text("{")
    for newest in where.checkpoints.glob("step_*/state.json"):
        newest.write_text("")
    experiment.train(make_plan(), where, resume=True)
    assert len(test_experiment.lines(tmp_path)) > 3
    assert json.loads(where.description.read_text())["history"][0]["step"] == 0
    for file in where.checkpoints.glob("*/state.json"):
        file.write_text("")
    with pytest.raises(errors.Damaged, match="intact|cannot be read"):
        experiment.train(make_plan(), where, resume=True)
