# SPDX-License-Identifier: Apache-2.0
"""What is told of training is true, of fits without steps as well."""

import io
import types

import pytest

from glf_tf.callbacks import progress
from glf_tf.training import callback as callback_lib
from glf_tf.training import step


@pytest.fixture
def told():
    """A progress of no terminal, and a stage's moment and lines."""
    latest = {"test/nll": 3.5}
    measures = [
        types.SimpleNamespace(latest=latest, measured_at=step) for step in (1, None)
    ]
    shown, shown_stream = progress.Progress(measures=measures), io.StringIO()
    shown._stream = shown_stream
    shown.open(total_steps=1, step=0)
    moment = callback_lib.Moment(
        stage="prior",
        step=1,
        total_steps=1,
        global_step=1,
        steps_per_epoch=1,
        examples_per_step=64,
        train_seconds=64.0,
    )

    def tell(sums):
        shown.begin_fit("prior")
        shown.observe(step.Result(steps=1, sums=sums, last=sums), moment)
        shown.run(moment)
        return shown_stream.getvalue().splitlines()

    return tell


def test_a_fit_says_that_it_begins_and_how_long_it_took(told):
    assert told({}) == ["prior: fitting ...", "prior fitted in 64.0 s  test/nll 3.5"]


def test_an_epoch_says_its_means_its_pace_and_what_was_measured_now(told):
    _, line, end = told({"nll": 3.0})
    assert line == "prior epoch 1/1  nll 3  test/nll 3.5  64.0 s  1 images/s"
    assert end == "trained; the last pictures and checkpoint follow"


def moment_at(step, *, seconds):
    return callback_lib.Moment(
        stage="joint",
        step=step,
        total_steps=100,
        global_step=step,
        steps_per_epoch=10,
        examples_per_step=64,
        train_seconds=seconds,
    )


def lines_of(*epochs, start=0, total=100):
    """The lines of epochs: of each, the steps and seconds after each call."""
    shown, stream = progress.Progress(), io.StringIO()
    shown._stream = stream
    shown.open(total_steps=total, step=start)
    for calls in epochs:
        for at, seconds in calls:
            sums = {"nll": 1.0}
            result = step.Result(steps=1, sums=sums, last=sums)
            shown.observe(result, moment_at(at, seconds=seconds))
        shown.run(moment_at(at, seconds=seconds))
    return stream.getvalue().splitlines()


def test_time_to_go_is_without_compilation():
    # One step of a minute, in which it compiles, then one a second.
    first, second = lines_of([(1, 60.0), (10, 69.0)], [(20, 79.0)])
    assert first.endswith("69.0 s  9 images/s  2 min to go")
    assert second.endswith("10.0 s  64 images/s  80 s to go")


def test_an_epoch_in_one_call_has_a_time_to_go():
    (line,) = lines_of([(10, 5.0)])
    assert line.endswith("45 s to go")


def test_time_to_go_is_that_of_the_stage():
    # As many steps follow in another one, at a pace that nobody knows yet.
    first, *_, last = lines_of([(10, 10.0)], [(100, 100.0)], total=200)
    assert first.endswith("2 min to go in this stage")
    assert last.endswith("images/s")


def test_the_end_says_what_follows():
    *_, line, end = lines_of([(99, 98.0), (100, 99.0)])
    assert line.endswith("images/s")
    assert end == "trained; the last pictures and checkpoint follow"


def test_a_resumed_run_says_from_where_and_whether_it_is_over():
    head, line = lines_of([(61, 30.0), (70, 39.0)], start=60)
    assert head == "resuming from step 60"
    assert line.endswith("30 s to go")
    assert lines_of(start=100) == ["resuming from step 100: nothing is left to train"]


def test_a_long_epoch_says_each_half_minute_how_far_it_is(monkeypatch):
    now = iter(10.0 * count for count in range(100))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    calls = [(at, 10.0 * at) for at in range(1, 11)]
    *places, epoch = lines_of(calls)
    # Each call looks at the clock, and each line once more.
    assert places == [
        "joint: step 3 of 100, 16 min to go",
        "joint: step 6 of 100, 16 min to go",
        "joint: step 9 of 100, 15 min to go",
    ]
    assert epoch.startswith("joint epoch 1/10")
