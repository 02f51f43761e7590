# SPDX-License-Identifier: Apache-2.0
"""The flow matching that the bench compares with is the same; where PyTorch is."""

import pathlib
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")  # requirements-bench.txt

BENCHMARKS = pathlib.Path(__file__).parents[3] / "tools/benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import torch_flow_matching  # noqa: E402

from glf_tf.priors import flow_matching  # noqa: E402
from tests import descriptors  # noqa: E402

SIZES = {"hidden": 8, "depth": 2, "embedding": 6}


@pytest.fixture(scope="module")
def densities():
    """The same small density twice, with weights that are nothing special."""
    ours = flow_matching.FlowMatchingPrior(3, **SIZES, steps=4)
    descriptors.perturb(ours.velocity)
    network = torch_flow_matching.VelocityNetwork(3, **SIZES)
    named = dict(_as_theirs(weight) for weight in ours.velocity.weights)
    network.load_state_dict(named)
    return ours, torch_flow_matching.Density(network, dim=3, steps=4)


def _as_theirs(weight):
    *_, layer, name = weight.path.split("/")
    for block in range(SIZES["depth"]):
        layer = layer.replace(f"film_{block}", f"films.{block}")
        layer = layer.replace(f"dense_{block}", f"denses.{block}")
    name = {"kernel": "weight"}.get(name, name)
    return f"{layer}.{name}", torch.tensor(np.array(weight).T)


def _noise():
    return np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def test_both_have_as_many_parameters(densities):
    ours, theirs = densities
    count = sum(np.prod(weight.shape) for weight in ours.trainable_weights)
    assert count == sum(tensor.numel() for tensor in theirs.parameters())


def test_both_move_noise_to_the_same_codes(densities):
    ours, theirs = densities
    eps = _noise()
    with torch.no_grad():
        found = theirs(torch.tensor(eps))
    expected = np.array(ours.forward(eps))
    assert np.abs(expected - eps).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_both_have_the_same_density(densities):
    ours, theirs = densities
    x = _noise()
    with torch.no_grad():
        found = theirs.log_prob(torch.tensor(x))
    # Both in float32, over four steps of four velocities.
    np.testing.assert_allclose(found, ours.log_prob(x), atol=1e-4)
