# SPDX-License-Identifier: Apache-2.0
"""Every recipe under flags/ is a plan that the library can carry out."""

import json
import pathlib
import subprocess
import sys

import pytest

from glf_tf import catalogue

ROOT = pathlib.Path(__file__).parents[2]
RECIPES = sorted((ROOT / "flags").glob("*/*.cfg"))
RUNNABLE = [path for path in RECIPES if path.parent.name != "base"]

PROGRAM = """
import dataclasses, json, sys
from glf_tf.cli import program, training
program._parse([*sys.argv, "--workdir=unused"], define=training.define_training)
plan = training.plan()
print(json.dumps({"dataset": plan.dataset, "model": plan.model,
                  "epochs": plan.training.epochs,
                  "optimizers": dataclasses.asdict(plan.optimizers)}))
"""

SHAPES = {
    "digits": (8, 8, 1),
    "mnist": (28, 28, 1),
    "fashion_mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "svhn_cropped": (32, 32, 3),
    "celeb_a": (64, 64, 3),
    "celeb_a_hq": (256, 256, 3),
}


def read(path):
    """The plan of a recipe, read by a process that never loads TensorFlow."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"--flagfile={path}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_recipe_builds_its_model(path):
    plan = read(path)
    shape = SHAPES[plan["dataset"]["name"]]
    model = catalogue.build("model", plan["model"], image_shape=shape)
    assert model.stages()
    assert plan["epochs"][""] > 0


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_header_says_source_expected_measured_and_command(path):
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    text = " ".join(header)
    for word in ("Source:", "Expected", "Measured", "python tools/train.py"):
        assert word in text, word


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_recipe_begins_with_its_base(path):
    lines = [line for line in path.read_text().splitlines() if line.startswith("--")]
    assert lines[0].startswith("--flagfile=../base/")


def test_every_dataset_has_a_base():
    bases = {path.stem for path in RECIPES if path.parent.name == "base"}
    assert bases == set(catalogue.names("dataset"))
