# SPDX-License-Identifier: Apache-2.0
"""Runs and `.keras` files of version 0.1.0 load, go on and are measured as then.

tests/data/runs/README.md says how they were made. Where a test fails, the code is to
be changed, and not what it reads.
"""

import json
import pathlib
import shutil
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import seeds
from glf_tf.callbacks import drawing
from glf_tf.cli import replaying
from glf_tf.experiments import restore
from tests import calls

RUNS = pathlib.Path(__file__).parents[1] / "data" / "runs"
NAMES = ("glf", "rae", "abp")

TOLERANCE = 1e-5
"""Of pixels: the last bits of float32 differ between processors."""


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    """The name of an old run."""
    return request.param


@pytest.fixture(scope="module")
def run(name, tmp_path_factory):
    """A copy of the run's folder."""
    copy = tmp_path_factory.mktemp("old") / name
    return shutil.copytree(RUNS / name, copy)


@pytest.fixture(scope="module")
def ended(run, name):
    """The run, after it went on to its end."""
    copy = run.parent / "ended"
    shutil.copytree(run, copy)
    succeeds("train", f"--flagfile={copy}/flags.cfg", f"--workdir={copy}", "--resume")
    return copy


def succeeds(tool, *arguments):
    """Calls a tool, and returns what it printed."""
    done = calls.call(tool, *arguments)
    assert done.status == 0, done.stderr
    return done.output


def check_samples(model, name, when):
    """Compares samples with those of the version that wrote the run."""
    with np.load(RUNS / f"{name}.npz") as expected:
        np.testing.assert_allclose(
            model.sample(3, seed=1), expected[when], rtol=0, atol=TOLERANCE
        )


def test_it_loads_and_draws_what_it_drew(run, name):
    check_samples(restore.load_model(run), name, "stopped")


def test_its_keras_file_loads(name):
    model = keras.saving.load_model(RUNS / f"{name}.keras")
    check_samples(model, name, "stopped")


def test_it_goes_on_to_the_same_end(ended, name):
    check_samples(restore.load_model(ended), name, "ended")


def test_it_is_measured(ended):
    asked = ("evaluate", f"--workdir={ended}", "--metrics=reconstruction")
    output = succeeds(*asked)
    assert all(np.isfinite(measured["mean"]) for measured in json.loads(output))
    shown = calls.call(*asked, on_terminal=True)  # with the table alone
    assert (shown.status, shown.output) == (0, "")
    assert "reconstruction" in shown.stderr


def test_it_is_exported(run, name, tmp_path):
    succeeds("export", f"--workdir={run}", f"--output={tmp_path}/served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    image = served.signatures["sample"](
        num_samples=tf.constant(3),
        seed=seeds.make(1),
        temperature=tf.constant(1.0),
    )["image"]
    with np.load(RUNS / f"{name}.npz") as expected:
        np.testing.assert_allclose(image, expected["stopped"], rtol=0, atol=TOLERANCE)


def in_process(command):
    """Calls the tool of a command, `[python, tools/train.py, *arguments]`, here."""
    done = calls.call("train", *command[2:])
    print(done.stderr, file=sys.stderr)
    return done.status


def test_one_is_trained_again(tmp_path, monkeypatch):
    picture = np.zeros((2, 2, 3), np.uint8)  # drawing takes longer than training
    monkeypatch.setattr(drawing.Pictures, "_draw", lambda _: {"samples": picture})
    monkeypatch.setattr(drawing.Histograms, "run", lambda *_: None)
    monkeypatch.setattr(replaying, "_run", in_process)
    run = shutil.copytree(RUNS / "abp", tmp_path / "abp")
    succeeds("train", f"--replay={run}", f"--workdir={tmp_path}/again")
    check_samples(restore.load_model(tmp_path / "again"), "abp", "ended")
