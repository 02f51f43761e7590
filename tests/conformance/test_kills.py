# SPDX-License-Identifier: Apache-2.0
"""A run that is killed at any moment ends as one that never was: bit for bit.

pytest tests/conformance/test_kills.py                one kill a model
pytest tests/conformance/test_kills.py --kills=30     ten kills a model
"""

import json
import os
import pathlib
import random
import signal
import time

import pytest
import tensorflow as tf

from glf_tf.experiments import folder, plan
from glf_tf.training import options
from tests import descriptors, processes

MODELS = ("glf_closing", "glann", "wae_gan", "gan_convolutional", "began")
"""Two stages and a cache; codes for images and a matching an epoch; two players; noise
and moving averages that they share; a number that moves with them."""

EMA_DECAY = {"gan_convolutional": {"": 0.9, "critic": 0.0}}
"""Models of which a run keeps averages of weights."""


def make_plan(model, *, epochs):
    return plan.Plan(
        dataset="digits",
        model=descriptors.MODELS[model],
        training=options.Training(epochs={"": epochs}, batch_size=200),
        optimizers=options.Optimizers(ema_decay=EMA_DECAY.get(model, {"": 0.0})),
        reports=plan.Reports(log_every=5, draw_every=0, export=False),
    )


def train(what, where):
    """What a process does: trains, or goes on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    from glf_tf.experiments import experiment

    experiment.train(what, folder.Folder(where), resume=True)


def start(what, where):
    process = processes.CONTEXT.Process(target=train, args=(what, where))
    process.start()
    return process


def finish(what, where):
    process = start(what, where)
    process.join(timeout=300)
    assert process.exitcode == 0


def kill(what, where, *, draw, while_starting):
    """Kills a process at a random moment: before it trains, while it does or saves."""
    process, before = start(what, where), newest(where)
    if while_starting:
        time.sleep(draw.uniform(0.0, 4.0))
    else:
        # The epoch's number decides more than the clock on a machine that is busy.
        target = before + draw.randint(1, 3)
        while newest(where) < target:
            assert process.is_alive()
            time.sleep(0.001)
        time.sleep(draw.uniform(0.0, 0.3))
    assert process.is_alive(), "it ended before the kill"
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def newest(where):
    """How many epochs are saved."""
    steps = [int(item.name[5:]) for item in where.glob("checkpoints/step_*[0-9]")]
    return max(steps, default=0) // 7


def told(where):
    """The scalars, without what depends on the machine."""
    lines = [json.loads(line) for line in (where / "metrics.jsonl").open()]
    return [
        {name: line[name] for name in line if "examples_per_second" not in name}
        for line in lines
    ]


def kept(where, name):
    """All variables of a checkpoint, as bytes, and the state of loop and callbacks."""
    found = {
        "state": json.loads((where / "checkpoints" / name / "state.json").read_text())
    }
    reader = tf.train.load_checkpoint(str(where / "checkpoints" / name / "variables"))
    for key in reader.get_variable_to_shape_map():
        if "OBJECT_GRAPH" not in key:
            found[key] = reader.get_tensor(key).tobytes()
    return found


@pytest.mark.one_in(2)
@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_killed_run_ends_as_if_it_had_not_been(model, tmp_path, request):
    count = max(1, request.config.getoption("--kills") // len(MODELS))
    what = make_plan(model, epochs=5 * count + 5)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    finish(what, whole)

    draw = random.Random(f"{model} {count}")
    for number in range(count):
        kill(what, cut, draw=draw, while_starting=number % 4 == 3)
    finish(what, cut)

    assert told(cut) == told(whole)
    (last,) = sorted(pathlib.Path(whole, "checkpoints").glob("step_*"))[-1:]
    for name in (last.name, "best"):
        expected, found = kept(whole, name), kept(cut, name)
        assert len(expected) > 20
        assert found.keys() == expected.keys()
        assert [key for key in found if found[key] != expected[key]] == []
    assert not list(cut.glob("checkpoints/*.*"))
