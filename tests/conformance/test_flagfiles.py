# SPDX-License-Identifier: Apache-2.0
"""Every recipe under flags/ is a plan that the library can carry out."""

import dataclasses
import pathlib

import numpy as np
import pytest

from glf_tf import catalogue
from glf_tf.cli import program, training
from glf_tf.data import image_set, vector_set
from glf_tf.experiments import description
from glf_tf.training import optimizers, options
from tests import calls

ROOT = pathlib.Path(__file__).parents[2]
RECIPES = sorted((ROOT / "flags").glob("*/*.cfg"))
PRIORS = [path for path in RECIPES if path.parent.name == "prior"]
"""Parts of recipes: densities on the codes of any autoencoder."""

SHARPENINGS = [path for path in RECIPES if path.parent.name == "sharpen"]
"""Parts of recipes: what the decoder of a finished run learns in the end."""

_PARTS = ("base", "prior", "sharpen")
RUNNABLE = [path for path in RECIPES if path.parent.name not in _PARTS]

SHAPES = {
    "digits": (8, 8, 1),
    "mnist": (28, 28, 1),
    "fashion_mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "stacked_mnist": (28, 28, 3),
    "svhn_cropped": (32, 32, 3),
    "celeb_a_hq": (256, 256, 3),
}


def shape_of(spec):
    """The images' shape of a data set, or of the one that it is a part of."""
    if spec["name"] in ("subset", "held_out", "without", "occluded"):
        return shape_of(spec["dataset"])
    if spec["name"] in ("celeb_a", "folder"):
        return (spec["size"], spec["size"], 3)
    return SHAPES[spec["name"]]


VECTORS = {
    "vectors": 5,
    "toy": 2,
    "power": 6,
    "gas": 8,
    "hepmass": 21,
    "miniboone": 43,
    "bsds300": 63,
}
"""Sizes of the vectors of data sets."""


def one_example(spec):
    """A data set of one example: a recipe is built without its data."""
    if spec["name"] in VECTORS or spec["name"] == "principal_components":
        size = VECTORS.get(spec["name"], spec.get("count"))
        return vector_set.VectorSet("one", "train", np.zeros((1, size), np.float32))
    image = np.zeros((1, *shape_of(spec)), np.uint8)
    return image_set.ImageSet("one", "train", image, labels=None, source="zeros")


def read(*paths):
    """The plan of a recipe, or of several together."""
    with calls.flags_of_its_own():
        files = [f"--flagfile={path}" for path in paths]
        arguments = ["train", *files, "--workdir=unused"]
        program.parse(arguments, define=training.define_training)
        return dataclasses.asdict(training.plan())


@pytest.mark.one_in(4)
@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_recipe_builds_its_model(path):
    plan = read(path)
    data = one_example(plan["dataset"])
    kind = catalogue.load("model", plan["model"]["name"])
    model = catalogue.build("model", plan["model"], **kind.arguments_of(data))
    assert model.stages()
    assert plan["training"]["epochs"][""] > 0
    # Also that every stage and group that it names is the model's.
    settings = options.Training(**plan["training"])
    settings.check(stage.name for stage in model.stages() if stage.updates)
    chosen = options.Optimizers(**plan["optimizers"])
    optimizers.check(model.stages(), options=chosen)


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_a_run_of_a_recipe_can_be_described(path):
    plan = read(path)
    kind = catalogue.load("model", plan["model"]["name"])
    arguments = kind.arguments_of(one_example(plan["dataset"]))
    needed = ("dataset", "model")
    described = {key: plan[key] for key in needed}
    numbers = {"batch_size": plan["training"]["batch_size"], "seed": 0}
    description.check({**described, **numbers, "arguments": arguments})


@pytest.mark.parametrize("path", PRIORS, ids=lambda path: path.stem)
def test_a_prior_is_trained_alone_on_the_codes_of_an_autoencoder(path):
    plan = read(RECIPES[0].parents[1] / "latent_density" / "digits.cfg", path)
    model = catalogue.build("model", plan["model"], image_shape=(8, 8, 1))
    settings = options.Training(**plan["training"])
    stages = model.stages()
    assert settings.epochs_of(stages[0].name) == 0
    learned = [stage for stage in stages[1:] if stage.updates]
    assert all(settings.epochs_of(stage.name) > 0 for stage in learned)
    chosen = options.Optimizers(**plan["optimizers"])
    optimizers.check(stages, options=chosen)
    terms = {f"validation/{name}" for stage in learned for name in stage.term_names}
    assert not terms or plan["reports"]["best_by"] in terms
    assert not terms or plan["reports"]["patience"]


@pytest.mark.parametrize(
    "recipe", ["glf/mnist", "lfbm/mnist", "rae/digits", "wae_gan/mnist"]
)
@pytest.mark.parametrize("path", SHARPENINGS, ids=lambda path: path.stem)
def test_a_decoder_is_sharpened_alone_whatever_its_recipe_was(path, recipe):
    plan = read(ROOT / "flags" / f"{recipe}.cfg", path)
    model = catalogue.build("model", plan["model"], image_shape=(28, 28, 1))
    (stage,) = model.stages()
    assert options.Training(**plan["training"]).epochs_of(stage.name) > 0
    chosen = options.Optimizers(**plan["optimizers"])
    optimizers.check([stage], options=chosen)
    assert chosen.of("critic", stage="sharpen")["learning_rate"] == 4e-4
    assert chosen.of("decoder", stage="sharpen")["learning_rate"] == 2e-4


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_header_says_source_expected_measured_and_command(path):
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    text = " ".join(header)
    for word in ("Source:", "Expected", "Measured", "python tools/train.py"):
        assert word in text, word


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_recipe_begins_with_its_base_or_with_what_it_varies(path):
    lines = [line for line in path.read_text().splitlines() if line.startswith("--")]
    first = lines[0].removeprefix("--flagfile=")
    varies = path.stem.startswith(f"{first.removesuffix('.cfg')}_")
    assert first.startswith("../base/") or varies


def test_every_dataset_has_a_base():
    bases = {path.stem for path in RECIPES if path.parent.name == "base"}
    assert bases == set(catalogue.names("dataset"))
