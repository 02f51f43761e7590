# SPDX-License-Identifier: Apache-2.0
"""Signals in every phase of a training: status 75, one line, and the run goes on."""

import os
import signal

import pytest
import tensorflow as tf

from glf_tf import catalogue, export, quiet
from glf_tf.callbacks import drawing, reports
from glf_tf.datasets import digits
from glf_tf.experiments import experiment, folder, restore
from glf_tf.training import checkpoints, loop, step
from tests import calls

SMALL = (
    *("--dataset=digits", "--network=mlp", "--network.hidden=6", "--latent_dim=4"),
    *("--flow.hidden=6", "--flow.blocks=1", "--noflow.batch_norm", "--procedure=joint"),
    *("--epochs=2", "--batch_size=700", "--components=0"),
)

# Where the signal comes: before each of these is called for the n-th time.
PHASES = {
    "import": (quiet, "load_tensorflow", 1),
    "check": (experiment.identity, "check", 1),
    "data": (digits.Digits, "load", 1),
    "build": (catalogue, "build", 2),
    "start": (experiment.identity, "describe", 1),
    "prepare": (loop.Loop, "_run_stage", 1),
    "trace": (step.StageTrainer, "run", 1),
    "training": (step.StageTrainer, "run", 2),
    "validation": (reports.Validation, "run", 1),
    "drawing": (drawing.Pictures, "run", 1),
    "saving": (checkpoints.Checkpoints, "save", 1),
    "export": (export, "export", 1),
}


@pytest.fixture(autouse=True)
def own_handlers():
    """Gives the process its own handlers back."""
    before = {number: signal.getsignal(number) for number in (2, 15)}
    # A shell has background processes ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


# One signal a phase, in turn: both have one handler.
BY_TURNS = [
    (phase, (signal.SIGTERM, signal.SIGINT)[place % 2])
    for place, phase in enumerate(PHASES)
]


@pytest.mark.one_in(2)
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("phase", "number"), BY_TURNS)
def test_a_signal_ends_training_with_its_state_saved(
    phase, number, tmp_path, monkeypatch
):
    monkeypatch.setattr(drawing.Histograms, "run", lambda *_: None)
    where, name, count = PHASES[phase]
    draws, exports = phase == "drawing", phase == "export"
    often = (f"--draw_every={int(draws)}", "--export" if exports else "--noexport")
    with monkeypatch.context() as patch:
        called = signalled(patch, where, name, number=number, count=count)
        ended = calls.call("train", f"--workdir={tmp_path}/run", *SMALL, *often)
    assert len(called) >= count
    assert ended.status == os.EX_TEMPFAIL, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Stopped" in ended.stderr.splitlines()[-1]
    again = calls.call("train", f"--workdir={tmp_path}/run", *SMALL, *often, "--resume")
    assert again.status == 0, again.stderr
    assert restore.load(tmp_path / "run").step == 4
    assert folder.Folder(tmp_path / "run").saved_model.is_dir() == exports


def signalled(patch, where, name, *, number, count):
    """Sends this process a signal before the n-th call of a function."""
    function, called = getattr(where, name), []

    def wrapped(*args, **kwargs):
        called.append(name)
        if len(called) == count:
            signal.raise_signal(number)
        return function(*args, **kwargs)

    patch.setattr(where, name, wrapped)
    return called


def test_an_interrupt_that_a_library_turns_into_its_error_ends_alike(monkeypatch):
    def importing():
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise tf.errors.InternalError(None, None, "a callback failed") from error

    monkeypatch.setattr(quiet, "load_tensorflow", importing)
    ended = calls.call("train", "--workdir=run", *SMALL)
    assert ended.status == os.EX_TEMPFAIL
    assert ended.stderr.count("\n") == 1
