# SPDX-License-Identifier: Apache-2.0
"""What is made of nothing, also where oneDNN gives it the wrong channels."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.layers import never_empty


def doubled(x):
    """Twice the rows, and their sums; there must be one."""
    tf.debugging.assert_positive(tf.shape(x)[0])
    return {"twice": 2.0 * x, "sum": tf.reduce_sum(x, axis=[1, 2])}


@pytest.mark.parametrize("size", [0, 1, 3])
@pytest.mark.parametrize("traced", [False, True])
def test_rows_are_those_of_the_function(size, traced):
    x = np.random.default_rng(0).normal(size=(size, 2, 5)).astype(np.float32)
    spec = [tf.TensorSpec([None, 2, 5])]
    apply = tf.function(
        lambda x: never_empty.apply(doubled, x), input_signature=spec, autograph=False
    )
    found = apply(x) if traced else never_empty.apply(doubled, x)
    np.testing.assert_array_equal(found["twice"], 2.0 * x)
    np.testing.assert_allclose(found["sum"], x.sum((1, 2)), rtol=1e-5)


def test_a_known_batch_costs_nothing():
    made = []
    graph = tf.Graph()
    with graph.as_default():
        never_empty.apply(made.append, tf.zeros([4, 2]))
    assert {op.type for op in graph.get_operations()} == {"Const"}
    assert made[0].shape == (4, 2)


def test_a_batch_of_unknown_rank_is_passed_on():
    """As a user's layer may make it, by a function of NumPy."""

    @tf.function(autograph=False)
    def twice(x):
        x = tf.numpy_function(lambda x: x, [x], tf.float32)
        return never_empty.apply(lambda x: 2.0 * x, x)

    np.testing.assert_array_equal(twice(tf.ones([3, 2])), np.full([3, 2], 2.0))


@pytest.mark.parametrize("name", ["glf_convolutional"])
def test_models_make_nothing_of_nothing_with_onednn(name):
    """The law of all models, where TensorFlow has its convolutions of AVX512."""
    code = (
        "from tests import descriptors; from tests.conformance import test_models; "
        f"test_models.test_nothing_in_gives_nothing_out(descriptors.model({name!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
