# SPDX-License-Identifier: Apache-2.0
"""Checkpoints are whole or not there, and damage is noticed."""

import json
import logging
import pathlib
import resource

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.training import checkpoints, manifest


def store(folder, value=1.0, **options):
    variables = {"a/b": tf.Variable([value, value]), "c": tf.Variable(7)}
    return checkpoints.Checkpoints(folder, variables, **options), variables


def test_newest_is_restored_with_its_state(tmp_path):
    saving, variables = store(tmp_path)
    saving.save({"step": 1}, step=1)
    variables["a/b"].assign([5.0, 6.0])
    saving.save({"step": 2}, step=2)
    loading, loaded = store(tmp_path, value=0.0)
    assert loading.restore() == {"step": 2}
    np.testing.assert_array_equal(loaded["a/b"], [5.0, 6.0])


def test_nothing_to_restore_is_none(tmp_path):
    assert store(tmp_path)[0].restore() is None


def test_only_the_newest_and_the_best_are_kept(tmp_path):
    saving, _ = store(tmp_path, keep=2)
    saving.save_best({})
    for step in (1, 2, 30):
        saving.save({}, step=step)
    names = sorted(folder.name for folder in tmp_path.iterdir())
    assert names == ["best", "step_00000002", "step_00000030"]


@pytest.mark.parametrize("name", ["variables.data-00000-of-00001", "state.json"])
def test_a_cut_off_checkpoint_is_passed_over(tmp_path, name):
    saving, variables = store(tmp_path)
    saving.save({"step": 1}, step=1)
    variables["a/b"].assign([5.0, 6.0])
    newest = saving.save({"step": 2}, step=2)
    (newest / name).write_bytes((newest / name).read_bytes()[:-1])
    loading, loaded = store(tmp_path)
    assert loading.restore() == {"step": 1}
    np.testing.assert_array_equal(loaded["a/b"], [1.0, 1.0])


def test_the_checkpoint_that_is_passed_over_is_named(tmp_path, caplog):
    saving, _ = store(tmp_path)
    saving.save({}, step=1)
    (saving.save({}, step=2) / "state.json").write_text("{")
    with caplog.at_level(logging.WARNING, logger="absl"):
        saving.restore()
    (told,) = caplog.messages
    assert "step_00000002 is not used: state.json is cut off" in told


@pytest.fixture
def full_disk():
    """Makes every file end after 200 bytes, as a disk does that fills."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_leaves_the_checkpoint_before(tmp_path, full_disk):
    variables = {"a": tf.Variable(tf.zeros([100]))}
    saving = checkpoints.Checkpoints(tmp_path, variables)
    with pytest.raises(errors.Exhausted, match="there is none before it"):
        saving.save({}, step=1)
    full_disk()
    saving.save({"step": 1}, step=1)
    variables["a"].assign(tf.ones([100]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, -1))
    with pytest.raises(errors.Exhausted, match="step_00000001 is whole") as caught:
        saving.save({"step": 2}, step=2)
    with pytest.raises(errors.Exhausted, match="--resume"):
        saving.save({"step": 1}, step=1)
    assert "Free some space" in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["step_00000001"]
    assert saving.restore() == {"step": 1}
    np.testing.assert_array_equal(variables["a"], tf.zeros([100]))


@pytest.mark.parametrize("done", [0, 1])
def test_a_kill_while_one_replaces_another_leaves_no_half(tmp_path, monkeypatch, done):
    saving, variables = store(tmp_path)
    saving.save_best({"step": 1})
    saving.save({"step": 1}, step=1)
    rename, calls = pathlib.Path.rename, iter(range(9))

    def killed(path, target):
        if next(calls) == done:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(pathlib.Path, "rename", killed)
    variables["c"].assign(8)
    with pytest.raises(KeyboardInterrupt):
        saving.save_best({"step": 2})
    monkeypatch.undo()
    loading, loaded = store(tmp_path)
    assert loading.restore() == {"step": 1}
    assert loaded["c"].numpy() == 7
    loading.save_best({"step": 2})
    assert sorted(one.name for one in tmp_path.iterdir()) == ["best", "step_00000001"]
    assert loading.restore(tmp_path / "best") == {"step": 2}


def test_damage_to_all_is_an_error(tmp_path):
    saving, _ = store(tmp_path)
    (saving.save({}, step=1) / "manifest.json").unlink()
    with pytest.raises(errors.InvalidValue, match="damaged"):
        saving.restore()


def test_a_kill_while_saving_leaves_the_one_before(tmp_path, monkeypatch):
    saving, _ = store(tmp_path)
    saving.save({"step": 1}, step=1)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(manifest, "seal", killed)
    with pytest.raises(KeyboardInterrupt):
        saving.save({"step": 2}, step=2)
    monkeypatch.undo()
    assert (tmp_path / "step_00000002.partial").exists()
    assert store(tmp_path)[0].restore() == {"step": 1}
    saving.save({"step": 3}, step=3)
    assert not (tmp_path / "step_00000002.partial").exists()


def test_a_value_that_is_not_finite_is_not_saved(tmp_path):
    saving, variables = store(tmp_path)
    saving.save({}, step=1)
    variables["a/b"].assign([1.0, np.inf])
    with pytest.raises(errors.Diverged, match="a/b"):
        saving.save({}, step=2)
    assert [folder.name for folder in tmp_path.iterdir()] == ["step_00000001"]


def test_another_models_checkpoint_is_refused(tmp_path):
    store(tmp_path)[0].save({}, step=1)
    for variables in (
        {"a/b": tf.Variable([0.0, 0.0])},
        {"a/b": tf.Variable([0.0, 0.0, 0.0]), "c": tf.Variable(7)},
        {"a/b": tf.Variable([0.0, 0.0]), "d": tf.Variable(7)},
    ):
        other = checkpoints.Checkpoints(tmp_path, variables)
        with pytest.raises(errors.InvalidValue, match="variables"):
            other.restore()


def test_part_of_a_checkpoint_can_be_loaded(tmp_path):
    store(tmp_path, value=4.0)[0].save({}, step=1)
    variable = tf.Variable([0.0, 0.0])
    checkpoints.Checkpoints(tmp_path, {"a/b": variable}, partly=True).restore()
    np.testing.assert_array_equal(variable, [4.0, 4.0])


def test_variables_of_one_name_are_refused():
    class Twice(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.one = keras.layers.Dense(2, name="same")
            self.two = keras.layers.Dense(2, name="same")
            self.one.build((None, 3))
            self.two.build((None, 3))

    model = Twice()
    with pytest.raises(errors.InvalidValue, match="same"):
        checkpoints.variables_of(model)


def test_keeping_none_is_refused(tmp_path):
    with pytest.raises(errors.InvalidValue, match="keep"):
        store(tmp_path, keep=0)


def test_state_is_plain_json(tmp_path):
    folder = store(tmp_path)[0].save({"step": 3, "x": [0.1]}, step=3)
    assert json.loads((folder / "state.json").read_text()) == {"step": 3, "x": [0.1]}
