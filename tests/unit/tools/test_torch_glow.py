# SPDX-License-Identifier: Apache-2.0
"""The Glow that the bench compares with is the same one; where PyTorch is installed."""

import pathlib
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")  # requirements-bench.txt

BENCHMARKS = pathlib.Path(__file__).parents[3] / "tools/benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import torch_glow  # noqa: E402

from glf_tf.models import image_flow  # noqa: E402

_NAMES = {"bias": "shift", "log_factor": "log_scale"}


@pytest.fixture(scope="module")
def models():
    """The same small Glow twice, with weights that are nothing special."""
    flow = {"name": "glow", "levels": 2, "blocks": 2, "hidden": 8}
    ours = image_flow.ImageFlow((28, 28, 1), flow=flow, alpha=1e-5)
    generator = np.random.default_rng(0)
    for weight in ours.flow.trainable_weights:
        weight.assign_add(0.05 * generator.normal(size=weight.shape))
    theirs = torch_glow.Glow((1, 28, 28), levels=2, blocks=2, hidden=8)
    values = dict(_as_theirs(weight) for weight in ours.flow.weights)
    state = theirs.state_dict()
    known = {name: values.get(name, value) for name, value in state.items()}
    assert set(state) - set(values) == {name for name in state if "border" in name}
    theirs.load_state_dict(known)
    return ours, theirs


def _as_theirs(weight):
    *path, name = weight.path.split("/")
    value = np.array(weight)
    if value.ndim == 4:
        value = value.transpose(3, 2, 0, 1)
    return ".".join([*path, _NAMES.get(name, name)]), torch.tensor(value)


def _channels_first(image):
    return torch.tensor(np.moveaxis(np.array(image), -1, 1))


def test_both_have_as_many_parameters(models):
    ours, theirs = models
    count = sum(np.prod(weight.shape) for weight in ours.trainable_weights)
    assert count == sum(tensor.numel() for tensor in theirs.parameters())


def test_both_give_an_image_the_same_bits(models):
    ours, theirs = models
    level = np.random.default_rng(1).integers(0, 256, (3, 28, 28, 1))
    level = np.float32(level)
    z = ours.encode(level / 255.0)
    x = (level + 0.5) / 256.0
    first, rest = ours.preprocessing.bijector(), ours.flow.bijector()
    log_prob = ours.prior.log_prob(z)
    log_prob += first.inverse_log_det_jacobian(x, event_ndims=3)
    log_prob += rest.inverse_log_det_jacobian(first.inverse(x), event_ndims=3)
    bits = 8.0 - np.mean(log_prob) / (784 * np.log(2.0))
    with torch.no_grad():
        found = theirs(_channels_first(level), torch.tensor(0.5))
    assert float(found) == pytest.approx(bits, abs=1e-5)
    assert bits > 1.0


def test_both_map_data_to_noise_and_back(models):
    ours, theirs = models
    y = np.random.default_rng(2).normal(size=(3, 28, 28, 1)).astype(np.float32)
    z = ours.flow.bijector().inverse(y)
    with torch.no_grad():
        eps, _ = theirs.encode(_channels_first(y))
        back = theirs.decode(eps)
    # Of equal numbers, in another order of axes.
    np.testing.assert_allclose(np.sort(eps), np.sort(z), atol=1e-5)
    np.testing.assert_allclose(back, _channels_first(y), atol=1e-5)
