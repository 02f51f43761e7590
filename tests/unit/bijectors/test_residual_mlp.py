# SPDX-License-Identifier: Apache-2.0
"""The residual network on vectors."""

import os
import subprocess
import sys

import numpy as np
import tensorflow as tf

from glf_tf.bijectors.conditioners import residual_mlp
from tests import calls

_TRACED = """
import tensorflow as tf
from glf_tf.bijectors.conditioners import residual_mlp

network = residual_mlp.ResidualMLP(3, 4, hidden=8)
tf.function(network)(tf.ones([5, 3]))
"""


def test_blocks_are_those_of_the_formula():
    network = residual_mlp.ResidualMLP(3, 4, hidden=8, depth=2)
    draws = np.random.default_rng(0)
    for variable in network.variables:
        variable.assign(draws.normal(size=variable.shape))
    x = draws.normal(size=(5, 3)).astype(np.float32)

    def dense(name, h):
        layer = getattr(network, name)
        return h @ layer.kernel.numpy() + layer.bias.numpy()

    def relu(h):
        return np.maximum(h, 0.0)

    h = dense("input_layer", x)
    for block in range(2):
        h = h + dense(f"second_{block}", relu(dense(f"first_{block}", relu(h))))
    expected = dense("output_layer", h)
    np.testing.assert_allclose(network(tf.constant(x)), expected, rtol=1e-4, atol=1e-4)


def test_graphs_are_optimised_with_onednn():
    """Its remapper fails on a sum that a ReLU and another sum have for an input."""
    done = subprocess.run(
        [sys.executable, "-c", _TRACED],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"},
        cwd=calls.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "remapper failed" not in done.stderr
    assert "OpKernel" not in done.stderr
