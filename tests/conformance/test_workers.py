# SPDX-License-Identifier: Apache-2.0
"""Two processes that train one model over 127.0.0.1, as two hosts would."""

import json
import os
import signal
import socket

import numpy as np
import pytest

from glf_tf.devices import strategies
from tests import calls, processes
from tests.conformance import test_models
from tests.unit.experiments import test_experiment

EQUAL = ("abp", "glann", "glf_convolutional", "glf_two_stage", "rae", "rae_flow")


def addresses():
    """Two addresses whose ports are free."""
    sockets = [socket.socket() for _ in range(2)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    found = [f"127.0.0.1:{item.getsockname()[1]}" for item in sockets]
    for item in sockets:
        item.close()
    return found


def start(run, *arguments, indices=(0, 1)):
    """Starts two workers of a tool or module."""
    workers = addresses()
    for index in indices:
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": workers}, "task": task})
        yield processes.Started(run, *arguments, env={"TF_CONFIG": config})


def ended(started):
    """What came of each."""
    return [worker.ended() for worker in started]


def losses(names):
    """What each of two workers says of each model."""
    for done in ended(list(start("tests.worker", *names))):
        assert done.status == 0, done.stderr
        lines = [json.loads(line) for line in done.output.splitlines()]
        yield {name: found for line in lines for name, found in line.items()}


@pytest.mark.slow
def test_two_workers_equal_one_device():
    """A model for each way of training: what replicas are for all is for workers."""
    first, second = losses(EQUAL)
    assert first == second
    for name in EQUAL:
        expected = test_models.train_losses(strategies.strategy("one_device"), name)
        for left, right in zip(expected, first[name], strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, err_msg=name)


TRAIN = (
    *("--dataset=digits", "--network=mlp", "--network.hidden=16"),
    *(
        "--latent_dim=4",
        "--flow.hidden=8",
        "--flow.blocks=1",
        "--noflow.batch_norm",
        "--batch_size=200",
        "--strategy=multi_worker",
        "--procedure=joint",
        "--noexport",
    ),
)


@pytest.mark.slow
def test_one_worker_writes_and_all_measure(tmp_path):
    """Files, lines and scalars are those of one device."""
    both = tmp_path / "both"
    first, second = ended(
        list(start("train", *TRAIN, f"--workdir={both}", "--epochs=2"))
    )
    assert (first.status, second.status) == (0, 0), second.stderr
    assert str(both) in first.output
    assert second.output == ""
    assert "epoch" not in second.stderr
    alone = (f"--workdir={tmp_path}/one", "--epochs=2", "--strategy=one_device")
    assert calls.call("train", *TRAIN, *alone).status == 0
    for item, two in zip(
        test_experiment.lines(tmp_path / "one"),
        test_experiment.lines(both),
        strict=True,
    ):
        assert item.keys() == two.keys()
        for name in item:
            np.testing.assert_allclose(two[name], item[name], rtol=2e-3, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_that_dies_ends_the_other_and_a_restart_goes_on(tmp_path, victim):
    command = [*TRAIN, f"--workdir={tmp_path}/x", "--draw_every=0", "--resume"]
    running = list(start("train", *command, "--epochs=1000000"))
    for line in running[0].lines():
        if "epoch 3/" in line:
            running[victim].send_signal(signal.SIGKILL)
            break
    done = ended(running)[1 - victim]
    assert done.status == os.EX_TEMPFAIL, done.stderr
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "All workers must run" in said
    assert "--resume" in said

    if victim == 0:
        for done in ended(list(start("train", *command, "--epochs=1"))):
            assert done.status == 0, done.stderr


@pytest.mark.slow
def test_a_signal_to_one_stops_all(tmp_path):
    command = [*TRAIN, f"--workdir={tmp_path}/x", "--draw_every=0"]
    running = list(start("train", *command, "--epochs=1000000"))
    for line in running[0].lines():
        if "epoch 3/" in line:
            running[1].send_signal(signal.SIGTERM)
            break
    for done in ended(running):
        assert done.status == os.EX_TEMPFAIL, done.stderr
        assert "the state is saved" in done.stderr


@pytest.mark.slow
def test_workers_that_do_not_meet_all_end(tmp_path):
    """Two of one index: one has no place, the other one waits for whom never comes."""
    command = [*TRAIN, f"--workdir={tmp_path}/x", "--epochs=1", "--meet_within=2"]
    pairs = [list(start("train", *command, indices=both)) for both in ((0, 0), (1, 1))]
    for done in ended([worker for pair in pairs for worker in pair]):
        assert done.status == os.EX_TEMPFAIL, done.stderr
        (said,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
        assert "an index of its own" in said
    assert not (tmp_path / "x").exists()
