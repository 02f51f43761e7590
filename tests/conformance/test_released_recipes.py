# SPDX-License-Identifier: Apache-2.0
"""Recipes with released settings train, on random images of their data's size.

Two steps with the recipe's own networks, latents, chains' step sizes and optimisers; of
the chains' steps, two as well, since a processor would take minutes for them all.
"""

import pathlib

import numpy as np
import pytest

from glf_tf import catalogue
from glf_tf.data import image_set
from glf_tf.training import loop, optimizers, options
from tests.conformance import test_flagfiles

SYSTEMS = ("abp", "lebm", "lfbm", "lfbm_vae", "sri")
DATA = ("celeb_a", "cifar10", "svhn_cropped")
RECIPES = [
    *((system, "svhn_cropped") for system in SYSTEMS),
    *(("lfbm", data) for data in DATA if data != "svhn_cropped"),
    ("sri", "celeb_a_five_layers"),
]
STEPS = 2

RELEASED = {
    # latents, sigma, K and the generator's weights.
    "svhn_cropped": (100, 0.3, 20, 3_447_683),
    "cifar10": (128, 0.3, 40, 18_883_075),
    "celeb_a": (100, 0.3, 20, 12_656_515),
}


def plan_of(system: str, recipe: str) -> dict:
    path = pathlib.Path("flags", system, f"{recipe}.cfg")
    return test_flagfiles.read(test_flagfiles.ROOT / path)


def random_images(spec: dict) -> image_set.ImageSet:
    shape = (2, *test_flagfiles.shape_of(spec))
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return image_set.ImageSet(
        spec["name"], "train", pixels, labels=None, source="generator"
    )


def few_steps(spec: dict) -> dict:
    """The model with short chains: their length changes nothing else."""
    spec = dict(spec)
    if "inference" in spec:
        spec["inference"] = {**spec["inference"], "steps": STEPS}
    if "prior_steps" in spec:
        spec["prior_steps"] = STEPS
    return spec


@pytest.mark.one_in(3)
@pytest.mark.slow
@pytest.mark.parametrize(("system", "recipe"), RECIPES)
def test_two_steps_of_training(system, recipe):
    plan = plan_of(system, recipe)
    images = random_images(plan["dataset"])
    kind = catalogue.load("model", plan["model"]["name"])
    model = catalogue.build(
        "model", few_steps(plan["model"]), **kind.arguments_of(images)
    )
    settings = options.Optimizers(**plan["optimizers"])
    recorder = _Recorder()
    loop.Loop(
        model,
        images,
        options=options.Training(epochs={"": STEPS}, batch_size=len(images)),
        optimizers=optimizers.make(
            model.stages(), options=settings, batches_per_epoch=1
        ),
        callbacks=[recorder],
    ).run()
    assert recorder.steps == STEPS
    assert all(np.isfinite(list(terms.values())).all() for terms in recorder.terms)


@pytest.mark.parametrize("data", DATA)
def test_lfbm_has_the_released_settings(data):
    plan = plan_of("lfbm", data)
    spec, adam = (
        plan["model"],
        options.Optimizers(**plan["optimizers"]).of("prior", stage="joint"),
    )
    latent_dim, sigma, steps, weights = RELEASED[data]
    assert spec["latent_dim"] == latent_dim
    assert spec["reconstruction"]["sigma"] == sigma
    assert spec["inference"]["steps"] == steps
    assert spec["inference"]["step_size"] == 0.1
    assert spec["prior"]["flow"]["name"] == "glow_vector"
    network = catalogue.build("network", spec["network"])
    shape = test_flagfiles.shape_of(plan["dataset"])
    assert network.decoder(latent_dim, shape).count_params() == weights
    assert (adam["beta_1"], adam["decay_every"], adam["decay_factor"]) == (
        0.5,
        1,
        0.998,
    )
    assert plan["training"]["epochs"][""] == 201


class _Recorder(loop.callback_lib.AbstractCallback):
    """Keeps what each call of the training function did."""

    def __init__(self):
        super().__init__(loop.callback_lib.Every(steps=1))
        self.steps, self.terms = 0, []

    def observe(self, result, moment):
        self.steps += result.steps
        self.terms.append(result.last)

    def run(self, moment):
        pass
