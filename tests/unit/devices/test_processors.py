# SPDX-License-Identifier: Apache-2.0
"""Threads and precision, which are said before TensorFlow runs."""

import subprocess
import sys

import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.devices import processors
from glf_tf.experiments import plan

MLP = {"name": "glf", "network": {"name": "mlp", "hidden": (200, 512)}}


def _density(**prior):
    return {"name": "density", "prior": prior}


PROGRAM = """
import tensorflow as tf
from glf_tf.devices import processors
processors.configure(model={model}, batch_size=64, threads={threads})
tf.ones(2) + 1.0
processors.configure(model={model}, batch_size=64, threads=7)  # too late, and no error
print(tf.config.threading.get_intra_op_parallelism_threads())
"""


@pytest.mark.parametrize(
    ("model", "batch_size", "expected"),
    [
        (MLP, 256, 1),
        (MLP, 257, 0),
        ({**MLP, "network": {"name": "infogan", "hidden": 8}}, 64, 0),
        ({"name": "sri"}, 64, 0),
        (_density(name="flow_matching", hidden=128), 1024, 1),
        (_density(name="flow_matching", hidden=128), 1025, 0),
        (_density(name="flow", flow={"name": "real_nvp", "hidden": 256}), 64, 1),
        (_density(name="flow", flow={"name": "real_nvp", "hidden": 256}), 4096, 0),
        (_density(name="flow", flow={"hidden": 64, "token_dim": 4}), 64, 0),
        (_density(name="mixture", components=10), 64, 0),
        ({"name": "density", "prior": "flow"}, 64, 0),
    ],
)
def test_operations_of_small_networks_have_one_thread(model, batch_size, expected):
    assert processors.op_threads(model, batch_size=batch_size) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("threads", "expected"), [(0, "1"), (3, "3")])
def test_threads_are_set_before_tensorflow_runs(threads, expected):
    program = PROGRAM.format(model=MLP, threads=threads)
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == [expected]


@pytest.mark.parametrize("tf32", [False, True])
def test_tf32_is_as_asked(tf32):
    processors.configure(model=MLP, batch_size=64, tf32=tf32)
    assert tf.config.experimental.tensor_float_32_execution_enabled() == tf32


def test_negative_threads_are_refused():
    with pytest.raises(errors.InvalidValue, match="op_threads=-1"):
        plan.Devices(op_threads=-1)
