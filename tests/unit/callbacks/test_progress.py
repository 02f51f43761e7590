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
    shown.open(total_steps=8, step=0)
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
    (_, line) = told({"nll": 3.0})
    assert line == (
        "prior epoch 1/1  nll 3  test/nll 3.5  64.0 s  1 images/s  7 min to go"
    )
