# SPDX-License-Identifier: Apache-2.0
"""Checkpoints are whole or not there, and damage is noticed."""

import hashlib
import json
import logging
import os
import pathlib
import resource
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, folders
from glf_tf.training import checkpoints, saved_variables


def state(step=0, **callbacks):
    return {"stage": 0, "step": step, "global_step": step, "callbacks": callbacks}


def store(folder, value=1.0, **options):
    variables = {"a/b": tf.Variable([value, value]), "c": tf.Variable(7)}
    return checkpoints.Checkpoints(folder, variables, **options), variables


def test_newest_is_restored_with_its_state(tmp_path):
    saving, variables = store(tmp_path)
    saving.save(state(1), step=1)
    variables["a/b"].assign([5.0, 6.0])
    saving.save(state(2), step=2)
    loading, loaded = store(tmp_path, value=0.0)
    assert loading.restore() == state(2)
    np.testing.assert_array_equal(loaded["a/b"], [5.0, 6.0])


def test_half_precision_is_read_into_single(tmp_path):
    value = tf.constant([1.0, 1 / 3], tf.float16)
    halves = {"a/b": tf.Variable(value), "c": tf.Variable(8)}
    saving = checkpoints.Checkpoints(tmp_path, halves)
    saving.save(state(1), step=1)
    loading, loaded = store(tmp_path)
    assert loading.restore() == state(1)
    assert loaded["a/b"].dtype == tf.float32
    np.testing.assert_array_equal(loaded["a/b"], np.float32(value))
    assert int(loaded["c"]) == 8
    resumed, own = checkpoints.Checkpoints(tmp_path, halves), halves["a/b"]
    own.assign([0.0, 0.0])
    assert resumed.restore() == state(1)
    np.testing.assert_array_equal(own, value)


def test_half_precision_of_another_shape_is_refused(tmp_path):
    halves = {"a/b": tf.Variable(tf.zeros([3], tf.float16)), "c": tf.Variable(8)}
    checkpoints.Checkpoints(tmp_path, halves).save(state(1), step=1)
    loading, loaded = store(tmp_path)
    with pytest.raises(errors.InvalidValue, match="2 variables"):
        loading.restore()
    np.testing.assert_array_equal(loaded["a/b"], [1.0, 1.0])


def test_nothing_to_restore_is_none(tmp_path):
    assert store(tmp_path)[0].restore() is None


def test_only_the_newest_and_the_best_are_kept(tmp_path):
    saving, _ = store(tmp_path, keep=2)
    saving.save_best(state())
    for step in (1, 2, 30):
        saving.save(state(), step=step)
    names = sorted(folder.name for folder in tmp_path.iterdir())
    assert names == ["best", "step_00000002", "step_00000030"]


@pytest.mark.parametrize("name", ["variables.data-00000-of-00001", "state.json"])
def test_a_cut_off_checkpoint_is_passed_over(tmp_path, name):
    saving, variables = store(tmp_path)
    saving.save(state(1), step=1)
    variables["a/b"].assign([5.0, 6.0])
    newest = saving.save(state(2), step=2)
    (newest / name).write_bytes((newest / name).read_bytes()[:-1])
    loading, loaded = store(tmp_path)
    assert loading.restore() == state(1)
    np.testing.assert_array_equal(loaded["a/b"], [1.0, 1.0])


def test_the_checkpoint_that_is_passed_over_is_named(tmp_path, caplog):
    saving, _ = store(tmp_path)
    saving.save(state(), step=1)
    (saving.save(state(), step=2) / "state.json").write_text("{")
    with caplog.at_level(logging.WARNING, logger="absl"):
        saving.restore()
    (message,) = caplog.messages
    assert "step_00000002 is not used: state.json is truncated" in message


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
        saving.save(state(), step=1)
    full_disk()
    saving.save(state(1), step=1)
    variables["a"].assign(tf.ones([100]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, -1))
    with pytest.raises(errors.Exhausted, match="step_00000001 is intact") as caught:
        saving.save(state(2), step=2)
    with pytest.raises(errors.Exhausted, match="--resume"):
        saving.save(state(1), step=1)
    assert "Free some space" in str(caught.value)
    assert [item.name for item in tmp_path.iterdir()] == ["step_00000001"]
    assert saving.restore() == state(1)
    np.testing.assert_array_equal(variables["a"], tf.zeros([100]))


@pytest.mark.parametrize("can_exchange", [False, True])
@pytest.mark.parametrize("done", [0, 1])
def test_a_kill_while_one_replaces_another_leaves_no_half(
    tmp_path, monkeypatch, done, can_exchange
):
    saving, variables = store(tmp_path)
    saving.save_best(state(1))
    saving.save(state(1), step=1)
    calls = iter(range(9))

    def killed(function):
        def call(*arguments, **options):
            if next(calls) == done:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return call

    if can_exchange:
        monkeypatch.setattr(folders, "_exchange", killed(folders._exchange))
        monkeypatch.setattr(shutil, "rmtree", killed(shutil.rmtree))
    else:
        monkeypatch.setattr(folders, "_exchange", lambda *_: False)
        monkeypatch.setattr(pathlib.Path, "rename", killed(pathlib.Path.rename))
    variables["c"].assign(8)
    with pytest.raises(KeyboardInterrupt):
        saving.save_best(state(2))
    monkeypatch.undo()
    loading, loaded = store(tmp_path)
    assert loading.restore(tmp_path / "best")["step"] in (1, 2)
    assert loading.restore() == state(1)
    assert loaded["c"].numpy() == 7
    loading.save_best(state(2))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["best", "step_00000001"]
    assert loading.restore(tmp_path / "best") == state(2)


def test_damage_to_all_is_an_error(tmp_path):
    saving, _ = store(tmp_path)
    (saving.save(state(), step=1) / "manifest.json").unlink()
    with pytest.raises(errors.Damaged, match="damaged"):
        saving.restore()


def test_a_kill_while_saving_leaves_the_one_before(tmp_path):
    """A killed process cleans nothing up: the next save does."""
    saving, _ = store(tmp_path)
    saving.save(state(1), step=1)
    left = tmp_path / ".glf_tf-step_00000002-0123456789abcdef"
    left.mkdir()
    (left / "variables.index").write_bytes(b"half")
    assert store(tmp_path)[0].restore() == state(1)
    saving.save(state(3), step=3)
    names = sorted(item.name for item in tmp_path.iterdir())
    assert names == ["step_00000001", "step_00000003"]


def test_a_value_that_is_not_finite_is_not_saved(tmp_path):
    saving, variables = store(tmp_path)
    saving.save(state(), step=1)
    variables["a/b"].assign([1.0, np.inf])
    with pytest.raises(errors.Diverged, match="a/b"):
        saving.save(state(), step=2)
    assert [folder.name for folder in tmp_path.iterdir()] == ["step_00000001"]


def test_another_models_checkpoint_is_refused(tmp_path):
    store(tmp_path)[0].save(state(), step=1)
    for variables in (
        {"a/b": tf.Variable([0.0, 0.0])},
        {"a/b": tf.Variable([0.0, 0.0, 0.0]), "c": tf.Variable(7)},
        {"a/b": tf.Variable([0.0, 0.0]), "d": tf.Variable(7)},
    ):
        other = checkpoints.Checkpoints(tmp_path, variables)
        with pytest.raises(errors.InvalidValue, match="variables"):
            other.restore()


@pytest.mark.parametrize("has_averages", [True, False])
def test_averages_that_are_one_sided_are_named(tmp_path, has_averages):
    with_averages = {"a": tf.Variable(1.0), "optimizer/a_average": tf.Variable(1.0)}
    both = with_averages, {"a": tf.Variable(1.0)}
    saved, loaded = both if has_averages else both[::-1]
    checkpoints.Checkpoints(tmp_path, saved).save(state(1), step=1)
    said = "has averages" if has_averages else "has no averages"
    with pytest.raises(errors.InvalidValue, match=f"--ema_decay as it was.*{said}"):
        checkpoints.Checkpoints(tmp_path, loaded).restore()


def test_part_of_a_checkpoint_can_be_loaded(tmp_path):
    store(tmp_path, value=4.0)[0].save(state(), step=1)
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
        saved_variables.variables_of(model)


def test_keeping_none_is_refused(tmp_path):
    with pytest.raises(errors.InvalidValue, match="keep"):
        store(tmp_path, keep=0)


def test_state_is_plain_json(tmp_path):
    folder = store(tmp_path)[0].save(state(3, x={"y": [0.1]}), step=3)
    assert json.loads((folder / "state.json").read_text()) == state(3, x={"y": [0.1]})


def foreign(folder):
    """Files of somebody's among checkpoints; returns what must stay."""
    (folder.parent / "outside").mkdir()
    for name in (
        *("best.mybackup/variables.index", "v1.0/x", ".DS_Store", "step_x", "a.b"),
        *("step_00000000/thesis.tex", "step_1/x", "step_000000001/x", "../outside/x"),
        *("step_00000001.partial/x", "best/notes.txt", "step_00000002/notes.txt"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("theirs")
    (folder / "step_00000009").symlink_to("../outside")
    return [item for item in folder.parent.rglob("*") if item.is_file()]


def test_foreign_files_stay_and_disturb_nothing(tmp_path):
    folder = tmp_path / "checkpoints"
    saving, _ = store(folder, keep=1)
    for step in (1, 2):
        saving.save(state(step), step=step)
        saving.save_best(state(step))
    theirs = foreign(folder)
    for step in (2, 3, 4):
        saving.save_best(state(step))
        newest = saving.save(state(step), step=step)
        assert store(folder)[0].restore() == state(step)
        assert saving.latest() == newest
    # Ours, of which the manifest of step 2 lists all but the notes.
    written = [item for item in theirs if "manifest" not in item.name]
    for file in written:
        ours = file.name.startswith(("variables.", "state")) and "backup" not in str(
            file
        )
        assert ours or file.read_text() == "theirs", file
    assert {item.name for item in (folder / "step_00000002").iterdir()} == {"notes.txt"}


@pytest.mark.parametrize("name", ["best", "step_00000001"])
def test_a_folder_of_somebodys_or_a_link_is_not_replaced(tmp_path, name):
    folder = tmp_path / "checkpoints"
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("theirs")
    folder.mkdir()
    saving, _ = store(folder)
    save = (
        (lambda: saving.save_best(state(1)))
        if name == "best"
        else (lambda: saving.save(state(1), step=1))
    )
    (folder / name).symlink_to("../theirs")
    with pytest.raises(errors.Occupied, match="is a link"):
        save()
    (folder / name).unlink()
    (tmp_path / "theirs").rename(folder / name)
    with pytest.raises(errors.Occupied, match="is none"):
        save()
    assert [item.name for item in (folder / name).iterdir()] == ["thesis.tex"]


def test_checkpoints_that_are_a_link_are_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(errors.Occupied, match="is a link"):
        store(tmp_path / "link")[0].save(state(), step=1)
    assert not list((tmp_path / "elsewhere").iterdir())


def flipped(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("is_same_process", [True, False])
@pytest.mark.parametrize(
    "harm", [flipped, lambda file: file.write_bytes(b""), pathlib.Path.unlink]
)
def test_what_is_kept_is_whole(tmp_path, harm, is_same_process):
    """A damaged checkpoint does not count, and does not drive out a whole one."""
    saving, _ = store(tmp_path, keep=1)
    saving.save(state(1), step=1)
    newer = saving.save(state(3), step=3)
    harm(newer / "variables.data-00000-of-00001")
    if not is_same_process:
        saving, _ = store(tmp_path, keep=1)
    saving.save(state(2), step=2)
    assert store(tmp_path)[0].restore() == state(2)


def test_what_was_refused_does_not_count_as_kept_whatever_its_hash(tmp_path):
    saving, _ = store(tmp_path, keep=1)
    saving.save(state(1), step=1)
    newer = saving.save(state(3), step=3)
    saving.save(state(1), step=1)
    (newer / "variables.index").write_bytes(b"x")
    forge(newer)
    store(tmp_path, keep=9)[0].save(state(1), step=1)
    loading, _ = store(tmp_path, keep=1)
    assert loading.restore() == state(1)
    loading.save(state(2), step=2)
    assert store(tmp_path)[0].restore() == state(2)


def forge(folder, **changed):
    """Writes a manifest that fits the files as they are, but for some entries."""
    facts = json.loads((folder / "manifest.json").read_text())
    for name in facts:
        data = (folder / name).read_bytes()
        facts[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    facts |= {key.replace("__", "/"): value for key, value in changed.items()}
    facts = {name: fact for name, fact in facts.items() if fact != "left out"}
    (folder / "manifest.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        "1",
        '"x"',
        "[" * 10**5,
        "{" * 9,
        '{"variables.index": 1}',
    ],
)
def test_a_manifest_that_is_none_is_damage(tmp_path, text):
    saving, _ = store(tmp_path)
    saving.save(state(1), step=1)
    (saving.save(state(2), step=2) / "manifest.json").write_text(text)
    assert store(tmp_path)[0].restore() == state(1)


HUGE = {"bytes": 10**15, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("/dev/zero", HUGE),
        ("../x", HUGE),
        ("a/b", HUGE),
        ("other", {"bytes": 0, "sha256": "0" * 64}),
        ("manifest.json", HUGE),
        ("variables.index", "left out"),
        ("variables.data-00000-of-00001", "left out"),
        ("state.json", "left out"),
        ("state.json", HUGE),
        ("state.json", {"bytes": "1", "sha256": "0" * 64}),
        ("state.json", {"bytes": 1}),
        ("state.json", {"bytes": True, "sha256": None}),
        ("state.json", []),
        ("variables.data-00001-of-00002", HUGE),
    ],
)
def test_a_hostile_manifest_is_damage(tmp_path, name, fact):
    saving, _ = store(tmp_path)
    saving.save(state(1), step=1)
    forge(saving.save(state(2), step=2), **{name: fact})
    assert store(tmp_path)[0].restore() == state(1)


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "device"])
@pytest.mark.parametrize("name", ["manifest.json", "state.json", "variables.index"])
def test_only_plain_files_are_opened(tmp_path, kind, name):
    saving, _ = store(tmp_path / "x")
    saving.save(state(1), step=1)
    file = saving.save(state(2), step=2) / name
    file.rename(tmp_path / "moved")
    {
        "link": lambda: file.symlink_to(tmp_path / "moved"),
        "fifo": lambda: os.mkfifo(file),
        "folder": file.mkdir,
        "device": lambda: file.symlink_to("/dev/zero"),
    }[kind]()
    assert store(tmp_path / "x")[0].restore() == state(1)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "null", "[" * 10**5),
        *(
            json.dumps({**state(2), key: value})
            for key, value in (
                *(("stage", "x"), ("stage", None), ("step", 1.5), ("step", -1)),
                *(("global_step", True), ("callbacks", []), ("callbacks", {"a": 1})),
            )
        ),
    ],
)
def test_a_state_that_is_none_is_damage_whatever_its_hash(tmp_path, text):
    saving, _ = store(tmp_path)
    saving.save(state(1), step=1)
    folder = saving.save(state(2), step=2)
    (folder / "state.json").write_text(text)
    forge(folder)
    assert store(tmp_path)[0].restore() == state(1)


def test_a_state_of_an_older_version_is_read(tmp_path):
    saving, _ = store(tmp_path)
    folder = saving.save(state(1, scalars={"a": 1}), step=1)
    old = (folder / "state.json").read_text().replace("callbacks", "actions")
    (folder / "state.json").write_text(old)
    forge(folder)
    assert store(tmp_path)[0].restore() == state(1, scalars={"a": 1})


@pytest.mark.parametrize("name", ["variables.index", "variables.data-00000-of-00001"])
def test_variables_that_cannot_be_read_are_damage_whatever_their_hash(tmp_path, name):
    saving, _ = store(tmp_path)
    saving.save(state(1), step=1)
    folder = saving.save(state(2), step=2)
    whole = (folder / name).read_bytes()
    for place in range(0, len(whole), max(len(whole) // 40, 1)):
        data = bytearray(whole)
        data[place] ^= 0x55
        (folder / name).write_bytes(data)
        forge(folder)
        assert store(tmp_path)[0].restore() in (state(1), state(2))
    (folder / name).write_bytes(whole[: len(whole) // 2])
    forge(folder)
    assert store(tmp_path)[0].restore() == state(1)
