# SPDX-License-Identifier: Apache-2.0
"""Every tool that takes a trained flow on images, with a run of one epoch."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits
from tests import calls

TINY = (
    *("--dataset=digits", "--model=image_flow", "--bits=4", "--alpha=1e-3"),
    *("--flow=glow", "--flow.levels=1", "--flow.blocks=1", "--flow.hidden=4"),
    *("--epochs=1", "--batch_size=256", "--draw_every=0", "--validate_every=0"),
    "--noexport",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "flow"
    done = calls.call("train", *TINY, f"--workdir={folder}")
    assert done.status == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Ten images of noise, in a file."""
    path = tmp_path_factory.mktemp("images") / "noise.npy"
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 1), dtype=np.uint8)
    np.save(path, images)
    return path


def used(tool, *arguments):
    done = calls.call(tool, *arguments)
    assert done.status == 0, done.stderr
    return done


def test_temperatures_are_rows_of_a_grid(run, tmp_path):
    asked = (f"--workdir={run}", "--num_samples=3", "--temperatures=0,0.5,1")
    used("sample", *asked, f"--output={tmp_path}/strip.png")
    assert Image.open(tmp_path / "strip.png").size == (3 * 58 - 2, 3 * 58 - 2)
    used("sample", *asked, f"--output={tmp_path}/strip.npy")
    rows = np.load(tmp_path / "strip.npy").reshape(3, 3, 8, 8)
    spread = [np.ptp(row, axis=0).mean() for row in rows]
    assert spread[0] < 1e-5 < spread[1] < spread[2]
    for wrong, word in (
        ("--temperatures=0.5,warm", "comma-separated numbers"),
        ("--temperatures=-1", "between"),
        ("--temperature=0.3", "only with one temperature"),
        ("--columns=2", "only with one temperature"),
    ):
        done = calls.call("sample", *asked, wrong, f"--output={tmp_path}/no.png")
        assert done.status == 2, done.stderr
        assert word in done.stderr


@pytest.mark.parametrize(
    ("tool", "how", "count"),
    [
        ("interpolate", ("--num_lines=2", "--num_steps=4"), 8),
        ("interpolate", ("--between=0,3", "--space=latent", "--num_steps=4"), 4),
        ("reconstruct", ("--num_images=3",), 6),
    ],
    ids=["samples", "images", "reconstruct"],
)
def test_images_are_interpolated_and_reconstructed(run, tmp_path, tool, how, count):
    used(tool, f"--workdir={run}", *how, f"--output={tmp_path}/x.npy")
    images = np.load(tmp_path / "x.npy")
    assert images.shape == (count, 8, 8, 1)
    if tool == "reconstruct":
        np.testing.assert_allclose(images[::2], images[1::2], atol=1 / 16)


def test_images_are_completed(run, tmp_path):
    used(
        "inpaint",
        *(f"--workdir={run}", "--num_images=2", "--attempts=2"),
        *("--mask=square", "--mask.size=4", "--inference=langevin"),
        *("--inference.steps=5", "--inference.step_size=0.01"),
        f"--output={tmp_path}/x.png",
    )
    error = json.loads((tmp_path / "x.json").read_text())
    assert error["all_unit"] < error["hidden_unit"]


def test_images_are_scored_by_their_density(run, noise, tmp_path):
    out = tmp_path / "anomalies"
    used("anomaly", f"--runs={run}", f"--against={noise}", f"--out={out}")
    rows = list(csv.DictReader((out / "scores_flow.csv").open()))
    score = np.array([float(row["score_1"]) for row in rows])
    is_noise = np.array([row["is_anomaly"] == "1" for row in rows])
    assert is_noise.sum() == 10
    assert score[is_noise].min() > np.median(score[~is_noise])
    done = calls.call("anomaly", f"--runs={run}", "--inference=langevin")
    assert done.status == 2, done.stderr


def test_bits_are_those_of_the_runs_images_and_of_others(run, noise):
    asked = (f"--workdir={run}", "--metrics=bits_per_dim", "--dequantization_draws=1")
    done = used("evaluate", *asked, f"--against={noise}")
    found = {
        (row["metric"], row["protocol"]["source"]): row
        for row in json.loads(done.output)
    }
    own = found["bits_per_dim_1_draws", "test images"]
    other = found["bits_per_dim_1_draws", "noise.npy images"]
    assert other["protocol"]["samples"] == 10
    size = len(digits.Digits(paths_lib.DataPaths()).load("test"))
    assert own["protocol"]["samples"] == size
    assert other["mean"] > own["mean"] + 1.0
    done = calls.call("evaluate", *asked[:1], "--metrics=fd", f"--against={noise}")
    assert done.status == 2
    assert "only with --metrics=bits_per_dim" in done.stderr
    for tool, of_run in (("evaluate", asked), ("anomaly", [f"--runs={run}"])):
        done = calls.call(tool, *of_run, "--against=")
        assert done.status == 2
        assert "the value is empty" in done.stderr
    done = calls.call("sample", *asked[:1], "--labels=1,2", "--num_samples=8")
    assert "Received: labels 1, 2." in done.stderr
    done = calls.call("evaluate", *asked, "--against=mnist", "--data_dir=/")
    assert done.status in (1, 2)
    assert done.stderr.strip().count("\n") == 0
