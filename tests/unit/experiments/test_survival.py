# SPDX-License-Identifier: Apache-2.0
"""What a run says, and loses, when machine, disk or memory fail it."""

import dataclasses
import errno
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.data import image_set
from glf_tf.datasets import digits
from glf_tf.experiments import experiment, failures, folder, plan
from glf_tf.models import glf
from glf_tf.training import checkpoints, summaries
from tests.unit.experiments import test_experiment


def make_plan(**options):
    """A plan without pictures, which take the longest."""
    whole = test_experiment.make_plan(**options)
    return dataclasses.replace(
        whole, reports=plan.Reports(log_every=3, draw_every=0, export=False)
    )


def test_a_second_process_is_refused(tmp_path):
    where = folder.Folder(tmp_path)
    with where.lock():
        with pytest.raises(errors.Busy, match="one process") as caught:
            experiment.train(make_plan(epochs={"": 0}), where)
        assert f"--workdir={tmp_path}" in str(caught.value)
        assert sorted(os.listdir(tmp_path)) == ["lock"]
    experiment.train(make_plan(epochs={"": 0}), where)


def test_a_lock_ends_with_its_process(tmp_path):
    program = f"""
import os, pathlib
from glf_tf.experiments import folder
folder.Folder(pathlib.Path({str(tmp_path)!r})).lock().__enter__()
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    assert (tmp_path / "lock").exists()
    with folder.Folder(tmp_path).lock():
        pass


def test_a_kill_between_the_best_and_the_newest_loses_neither(tmp_path, monkeypatch):
    """Whichever is saved first, a resumed run comes to save both again."""
    write, calls = checkpoints.Checkpoints._write, iter(range(1, 9))

    def killed(self, target, state):
        write(self, target, state)
        if next(calls) == 3:  # the first one of the second epoch
            raise KeyboardInterrupt

    where = folder.Folder(tmp_path)
    monkeypatch.setattr(checkpoints.Checkpoints, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        experiment.train(make_plan(), where)
    monkeypatch.undo()
    experiment.train(make_plan(), where, resume=True)
    # The last epoch is the best.
    state = json.loads((tmp_path / "checkpoints/best/state.json").read_text())
    assert state["global_step"] == 14


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    """It costs what came after the checkpoint before."""
    whole = folder.Folder(tmp_path / "whole")
    experiment.train(make_plan(epochs={"": 3}), whole)
    cut = folder.Folder(tmp_path / "cut")
    write = tf.train.Checkpoint.write

    def fills(self, path, *options):
        return full() if "00014" in path else write(self, path, *options)

    monkeypatch.setattr(tf.train.Checkpoint, "write", fills)
    with pytest.raises(errors.Exhausted, match="step_00000007 is intact"):
        experiment.train(make_plan(epochs={"": 3}), cut)
    monkeypatch.undo()
    experiment.train(make_plan(epochs={"": 3}), cut, resume=True)
    assert test_experiment.lines(cut.path) == test_experiment.lines(whole.path)
    expected = test_experiment.variables(whole.path)
    for name, value in test_experiment.variables(cut.path).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_a_disk_that_fills_while_scalars_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(summaries.Summaries, "scalars", full)
    with pytest.raises(errors.Exhausted, match="space on the disk") as caught:
        experiment.train(make_plan(), folder.Folder(tmp_path))
    assert "No space left on device" in str(caught.value)


@pytest.mark.slow
def test_a_disk_that_is_really_full(tmp_path):
    """On a file system of two megabytes, of a namespace of its own."""
    (tmp_path / "disk").mkdir()
    inside = f"mount -t tmpfs -o size=2m none {tmp_path}/disk"
    if subprocess.run(["unshare", "-rm", "sh", "-c", inside], check=False).returncode:
        pytest.skip("this machine mounts no file system for us")
    train = (
        f"{sys.executable} tools/train.py --workdir={tmp_path}/disk/run --epochs=9"
        " --batch_size=200 --network=mlp --network.hidden=64 --flow.hidden=32"
        " --flow.blocks=2 --noflow.batch_norm"
        " --draw_every=0"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{inside} && {train}; s=$?; ls -R"
         f" {tmp_path}/disk/run/checkpoints; exit $s"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "No space left on device" in done.stderr.splitlines()[-1]
    assert "--resume" in done.stderr.splitlines()[-1]
    assert ".partial" not in done.stdout


def test_memory_that_does_not_suffice(tmp_path, monkeypatch):
    """TensorFlow's own report, for a tensor that no machine holds."""

    def infer(batch, *, seed):
        size = tf.cast(tf.shape(batch["image"])[0], tf.int64) * 2**42
        noise = tf.random.stateless_normal([size], seed)
        return {**batch, "image": batch["image"] + tf.reduce_sum(noise)}

    stages = glf.GLF.stages

    def hungry(self):
        return tuple(dataclasses.replace(item, infer=infer) for item in stages(self))

    monkeypatch.setattr(glf.GLF, "stages", hungry)
    with pytest.raises(errors.Exhausted, match="--batch_size") as caught:
        experiment.train(make_plan(), folder.Folder(tmp_path))
    assert "batch_size=200" in str(caught.value)


def test_images_that_are_cut_off_halfway(tmp_path, monkeypatch):
    """A read beyond the end of a mapped file would end the process."""
    file = tmp_path / "images.npy"
    load = digits.Digits.load

    def mapped(self, split):
        found = load(self, split)
        if split == "test":
            return found
        np.save(file, found.images)
        images = np.load(file, mmap_mode="r")
        return image_set.ImageSet("digits", split, images, found.labels, source="here")

    monkeypatch.setattr(digits.Digits, "load", mapped)
    save = checkpoints.Checkpoints.save

    def then_cut_off(self, state, *, step):
        os.truncate(file, 5000)
        return save(self, state, step=step)

    monkeypatch.setattr(checkpoints.Checkpoints, "save", then_cut_off)
    where = folder.Folder(tmp_path / "run")
    with pytest.raises(errors.NotFound, match="truncated to 5000 bytes") as caught:
        experiment.train(make_plan(epochs={"": 50}), where)
    assert str(file) in str(caught.value)
    monkeypatch.undo()
    experiment.train(make_plan(epochs={"": 2}), where, resume=True)


def test_other_failures_keep_their_trace(tmp_path):
    """A bug of ours is no advice to the user."""
    for error in (tf.errors.InternalError(None, None, "x"), OSError(errno.EIO, "x")):
        with (
            pytest.raises(type(error), match=re.escape("x")),
            failures.explained(make_plan(), folder.Folder(tmp_path), data=()),
        ):
            raise error
