# SPDX-License-Identifier: Apache-2.0
"""What a description says of plug-ins is looked at, and none is imported."""

import json
import sys

import pytest

from glf_tf import errors
from glf_tf.experiments import description

OWN = {"name": "my_own.parts:MyFlow", "tokens": 10**7, "deep": {"name": "x", "a": [1]}}


def read(tmp_path, **changed):
    """Reads a description with other values."""
    file = tmp_path / "run.json"
    found = {
        "dataset": {"name": "digits"},
        "model": {"name": "glf", "flow": OWN},
        "arguments": {"image_shape": [8, 8, 1]},
        "batch_size": 8,
        "seed": 0,
    }
    file.write_text(json.dumps({**found, **changed}))
    return description.read(file)


def test_plugins_are_kept_as_they_are_and_not_imported(tmp_path):
    found = read(tmp_path)
    assert found["model"]["flow"] == OWN
    assert found["model"]["beta"] == 1.0
    assert found["model"]["encoder"] is None
    assert "my_own" not in sys.modules


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        ({**OWN, "inner": {"name": "real_nvp", "blocks": 10**6}}, "inner.blocks must"),
        ({**OWN, "tokens": float("inf")}, "tokens must be a finite number"),
        ({**OWN, "tokens": 2**70}, "tokens must be a whole number"),
        ({"name": "a:B", "x": json.loads("[" * 70 + "]" * 70)}, "nested 64 deep"),
    ],
)
def test_what_plugins_are_given_is_bounded(tmp_path, flow, words):
    with pytest.raises(errors.Damaged, match=words):
        read(tmp_path, model={"name": "glf", "flow": flow})


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (3, "network must be a path or a layer's object"),
        ({"name": "keras", "config": {"units": 2**70}}, "units must be a whole number"),
    ],
)
def test_a_fixed_network_is_a_path_or_a_layer_within_bounds(tmp_path, network, words):
    spec = {"name": "perceptual", "network": network}
    with pytest.raises(errors.Damaged, match=words):
        read(tmp_path, model={"name": "glf", "reconstruction": spec})
    known = {"name": "keras", "config": {"units": 3}}
    for fit in ("features.keras", known):
        spec = {"name": "perceptual", "network": fit}
        found = read(tmp_path, model={"name": "glf", "reconstruction": spec})
        assert found["model"]["reconstruction"]["network"] == fit


@pytest.mark.parametrize("plugins", ["x", [3], [{"kind": "flow"}]])
def test_origins_of_plugins_are_texts(tmp_path, plugins):
    with pytest.raises(errors.Damaged, match="plugins"):
        read(tmp_path, plugins=plugins)
