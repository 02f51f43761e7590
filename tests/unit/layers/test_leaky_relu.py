# SPDX-License-Identifier: Apache-2.0
"""The leaky ReLU is Keras' own in all derivatives, and is fused in training too."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf.layers import leaky_relu
from tests import calls

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
X[0] = 0.0

_TRAINED = """
import tensorflow as tf
from glf_tf.models import gan

model = gan.GAN((8, 8, 1), network={"name": "infogan", "slope": 0.2, "hidden": 16})
(stage,) = model.stages()
update, batch = stage.updates[0], {"image": tf.ones([4, 8, 8, 1])}

def step(index):
    weights = [weight.value for weight in model.critic.trainable_variables]
    with tf.GradientTape() as tape:
        terms = update.terms(batch, seed=tf.constant([0, 0]), training=True)
        loss = tf.reduce_sum(terms["critic"])
    for weight, slope in zip(weights, tape.gradient(loss, weights)):
        weight.assign_sub(slope)
    return index + 1

tf.function(lambda: tf.while_loop(lambda index: index < 2, step, [tf.constant(0)]))()
"""


def derivatives(layer):
    """Value, and first and second derivatives of a function of it."""
    x = tf.constant(X)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(tf.exp(y))
        slope = inner.gradient(loss, x)
        norm = tf.reduce_sum(slope**2)
    return y, slope, outer.gradient(norm, x)


@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize("slope", [0.01, 0.2, 0.9])
def test_it_is_keras_own(slope, in_graph):
    ours = leaky_relu.LeakyReLU(slope)
    theirs = keras.layers.LeakyReLU(negative_slope=slope)
    of_ours = tf.function(derivatives) if in_graph else derivatives
    for first, second in zip(of_ours(ours), derivatives(theirs), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-6)
    again = leaky_relu.LeakyReLU.from_config(ours.get_config())
    np.testing.assert_array_equal(again(X), ours(X))


def test_graphs_are_optimised_with_onednn():
    """Its remapper fails if the gradient of a fused activation needs its input."""
    done = subprocess.run(
        [sys.executable, "-c", _TRAINED],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"},
        cwd=calls.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "remapper failed" not in done.stderr
