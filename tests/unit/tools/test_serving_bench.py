# SPDX-License-Identifier: Apache-2.0
"""What compares the formats of exported models."""

import json
import pathlib
import sys

import numpy as np
import pytest

from glf_tf import export
from tests import descriptors

BENCHMARKS = pathlib.Path(__file__).parents[3] / "tools"
sys.path.insert(0, str(BENCHMARKS))

from benchmarks import serving, serving_load, serving_worker  # noqa: E402


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model, and its folder."""
    model, folder = descriptors.model("vae"), tmp_path_factory.mktemp("bench") / "1"
    export.export(model, folder)
    return model, folder


@pytest.mark.parametrize(
    ("kind", "runtime"),
    [("saved_model", "tensorflow"), ("tf_serving", "tensorflow_serving")],
)
def test_a_worker_tells_times_and_what_was_answered(
    kind, runtime, exported, tmp_path, monkeypatch, capsys
):
    pytest.importorskip(runtime)
    model, folder = exported
    monkeypatch.setattr(serving_worker, "_SECONDS", 0.01)
    monkeypatch.setattr(serving_worker, "_LOADS", 1)
    noise = np.random.default_rng(0).normal(size=(5, model.noise_dim))
    asked = {"decode_noise/noise": noise.astype(np.float32)}
    asked["decode_noise/temperature"] = np.float32(0.5)
    np.savez(tmp_path / "in.npz", **asked)
    files = (str(tmp_path / "in.npz"), str(tmp_path / "out.npz"))
    serving_worker.main(kind, str(folder), *files)
    told = json.loads(capsys.readouterr().out)
    assert all(told[key] >= 0 for key in ("import", "load", "one", "all"))
    assert told["load"] > told["one"]
    found = np.load(files[1])["decode_noise/image"]
    expected = model.decode_noise(noise.astype(np.float32), temperature=0.5)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_differences_are_the_largest_of_their_kind():
    expected = {
        "decode_noise/image": np.zeros(3),
        "reconstruct/image": np.zeros(3),
        "encode/z": np.zeros(3),
        "log_prob/log_prob": np.zeros(3),
    }
    found = {name: value.copy() for name, value in expected.items()}
    found["reconstruct/image"][1] = -0.25
    found["encode/z"][2] = 3.0
    assert serving._differences(found, expected) == ("2.5e-01", "3.0e+00", "0.0e+00")
    del found["encode/z"]
    assert serving._differences(found, expected) == ("2.5e-01", "", "0.0e+00")


def test_threads_are_answered_as_one_is(exported, capsys):
    _, folder = exported
    assert serving_load.load(folder, calls=100, threads=4) < 1e-6
    told = capsys.readouterr().out
    assert "    100 calls" in told
    assert "4 threads" in told
