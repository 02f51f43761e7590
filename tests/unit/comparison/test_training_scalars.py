# SPDX-License-Identifier: Apache-2.0
"""Scalars of training as columns of a table."""

import dataclasses
import json

import pytest

from glf_tf import errors
from glf_tf.comparison import columns, table, training_scalars
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import row as row_lib
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits
from glf_tf.experiments import experiment, plan
from glf_tf.training import options
from tests import descriptors
from tests.unit.comparison import test_comparison

NAMES = ("epoch/nll", "test/reconstruction", "epoch/kl")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two epochs, in which the test images were looked at."""
    run = folder_lib.Folder(tmp_path_factory.mktemp("comparison")).run("glf")
    experiment.train(
        plan.Plan(
            dataset="digits",
            model=descriptors.MODELS["glf_two_stage"],
            training=options.Training(epochs={"": 2}, batch_size=400),
            reports=plan.Reports(draw_every=0, validate_every=1, export=False),
        ),
        run,
    )
    return run


@pytest.fixture(scope="module")
def train():
    return digits.Digits(paths_lib.DataPaths()).load("train")


def test_the_last_value_of_each_scalar_counts(run, train):
    found = training_scalars.last(run.path, NAMES, train=train)
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").open()]
    expected = {
        name: [line[name] for line in lines if name in line][-1] for name in NAMES[:2]
    }
    assert {each.metric: each.mean for each in found} == expected  # a GLF has no KL
    assert {each.protocol.source for each in found} == {columns.TRAINING}
    assert training_scalars.last(run.path, (), train=train) == []


def test_a_comparison_has_them_in_columns_of_their_names(run, train):
    data = {"train": train, "test": train}
    of_densities = {"scalars": NAMES}
    measuring = test_comparison.make_measuring(data, of_densities=of_densities)
    assert measuring.identity["scalars"] == list(NAMES)
    assert "scalars" not in test_comparison.make_measuring(data).identity
    job = job_lib.Job(
        recipe=job_lib.Recipe("glf", run.path, published=""),
        seed=0,
        folder=run,
        command=(),
        plan={"dataset": {}, "epochs": {"": 2}, "batch_size": 400, "flags": {}},
    )
    result = measuring.measure(job)
    row = row_lib.Row(job.recipe, (row_lib.Training(job, result),))
    keys = ("fd", *NAMES)
    shown = table.Table(rows=(row,), real=result.measurements[:1], protocol=())
    assert [column.key for column in shown.columns()][-2:] == list(NAMES[:2])
    chosen = dataclasses.replace(shown, keys=keys, scalars=NAMES)
    assert [column.key for column in chosen.columns()] == list(keys)
    *_, without = chosen.columns()
    assert without.value(row) == columns.NONE
    with pytest.raises(errors.InvalidValue, match="Received: fid. Did you mean fd"):
        dataclasses.replace(chosen, keys=("fid",)).columns()
    hidden = dataclasses.replace(chosen, keys=("hidden_error/half",), hidden=("half",))
    assert [column.value(row) for column in hidden.columns()] == [columns.NONE]
    with pytest.raises(errors.InvalidValue, match="hidden_error/half"):
        dataclasses.replace(hidden, hidden=()).columns()


def test_a_column_of_no_scalar_that_was_asked_for_is_refused():
    assert columns.chosen(["epoch/nll"], scalars=NAMES)[0].title == "epoch/nll"
    with pytest.raises(errors.InvalidValue, match="Did you mean epoch/nll"):
        columns.chosen(["epoch/nl"], scalars=NAMES)
