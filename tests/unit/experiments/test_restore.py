# SPDX-License-Identifier: Apache-2.0
"""Which checkpoint of a run is loaded, and which data are its own."""

import shutil

import pytest

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits
from glf_tf.evaluation import anomaly_sets, reporting
from glf_tf.experiments import experiment, folder, restore
from tests.unit.experiments import test_experiment, test_history


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two epochs of 7 steps, with both checkpoints."""
    path = tmp_path_factory.mktemp("runs") / "run"
    experiment.train(test_history.make_plan(), folder.Folder(path))
    return path


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it, to be damaged."""
    return shutil.copytree(trained, tmp_path / "run")


def test_the_step_is_that_of_the_checkpoint_that_was_loaded(run):
    assert restore.load(run).step == 14
    (run / "checkpoints/step_00000014/state.json").write_text("{}")
    assert restore.load(run).step == 7
    (run / "checkpoints/step_00000007/state.json").write_text("{}")
    best = restore.load(run, which="best").step
    assert restore.load(run).step == best


def test_an_evaluation_is_logged_at_the_step_of_its_model(run):
    (run / "checkpoints/step_00000014/state.json").write_text("{}")
    reporting.log(folder.Folder(run), [], step=restore.load(run).step)
    assert test_experiment.lines(run)[-1]["step"] == 7


def test_other_variables_are_an_error_and_no_reason_to_take_the_best(run, tmp_path):
    other = test_experiment.make_plan("glf_convolutional", epochs={"": 0})
    experiment.train(other, folder.Folder(tmp_path / "other"))
    for newest in (run / "checkpoints").glob("step_*"):
        shutil.rmtree(newest)
    shutil.copytree(
        tmp_path / "other/checkpoints/step_00000000",
        run / "checkpoints/step_00000014",
    )
    with pytest.raises(errors.InvalidValue, match="must have this model's"):
        restore.load_model(run)


@pytest.fixture
def other_data(monkeypatch):
    """Fewer images than there were when the run was trained."""
    load = digits.Digits.load
    monkeypatch.setattr(
        digits.Digits, "load", lambda self, split: load(self, split).take(100)
    )


def test_other_data_do_not_pass_for_those_of_the_run(trained, other_data):
    with pytest.raises(errors.Damaged, match="test: 100 images .* after test: 3"):
        restore.load_data(trained, "test")
    with pytest.raises(errors.Damaged, match="--accept_new_data"):
        anomaly_sets.of_run(trained, paths=paths_lib.DataPaths(), against="mnist")
    assert len(restore.load_data(trained, "test", accept_new_data=True)) == 100


def test_places_are_those_that_are_asked_for(trained, monkeypatch):
    seen = []
    load = digits.Digits.load
    monkeypatch.setattr(
        digits.Digits,
        "load",
        lambda self, split: seen.append(self.paths) or load(self, split),
    )
    paths = paths_lib.DataPaths(cache_dir=trained / "cache", download=True)
    restore.load_data(trained, "test", paths=paths)
    assert seen == [paths]
