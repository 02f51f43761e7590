# SPDX-License-Identifier: Apache-2.0
"""Toys are learned: likelihood near the entropy, samples that no classifier tells."""

import numpy as np
import pytest
from sklearn import neighbors

from glf_tf.data import paths as paths_lib
from glf_tf.datasets import toy
from glf_tf.densities import FlowDensity

SPLINE = {
    "name": "neural_spline",
    "blocks": 3,
    "hidden": 32,
    "depth": 1,
    "bins": 16,
    "mixing": "permutation",
}
LEARNED = [
    ("two_moons", {"name": "mixture", "components": 20}, {}),
    pytest.param(
        *("two_moons", SPLINE, {"epochs": 15, "batch_size": 250}),
        marks=pytest.mark.slow,
    ),
    pytest.param(
        *("checkerboard", SPLINE, {"epochs": 15, "batch_size": 250}),
        marks=pytest.mark.slow,
    ),
]


def points(kind, split):
    made = toy.Toy(paths_lib.DataPaths(), kind=kind, size=10_000)
    return made.load(split).vectors


def fitted(kind, density, options):
    schedule = {"learning_rate": 3e-3, "schedule": "cosine"} if options else {}
    if options:
        schedule["schedule_epochs"] = options["epochs"]
    made = FlowDensity(density)
    return made.fit(points(kind, "train"), validation=0, **options, **schedule)


def told_apart(real, drawn):
    """The accuracy of a classifier of neighbours on points that it has not seen."""
    x, label = np.concatenate([real, drawn]), np.repeat([0, 1], [len(real), len(drawn)])
    order = np.random.RandomState(0).permutation(len(x))
    known, unknown = np.split(order, 2)
    classifier = neighbors.KNeighborsClassifier(25).fit(x[known], label[known])
    return classifier.score(x[unknown], label[unknown])


@pytest.mark.parametrize(("kind", "density", "options"), LEARNED)
def test_samples_are_not_told_from_data(kind, density, options):
    real = points(kind, "test")
    made = fitted(kind, density, options)
    # The deviation of chance is 0.005 on 10,000 points.
    assert told_apart(real, made.sample(10_000, seed=0)) < 0.54
    surprise = -made.log_prob(real).mean()
    known = -toy.density(kind).log_prob(real).mean()
    assert known - 0.01 < surprise < known + 0.2


@pytest.mark.parametrize("kind", toy.KINDS)
def test_a_normal_density_is_told_from_each_toy(kind):
    """Otherwise the test above would prove nothing."""
    made = fitted(kind, "normal", {})
    assert told_apart(points(kind, "test"), made.sample(10_000, seed=0)) > 0.6


@pytest.mark.parametrize("kind", toy.KINDS)
def test_the_density_itself_is_not_told_from_its_points(kind):
    drawn = toy.density(kind).sample(10_000, seed=99)
    assert abs(told_apart(points(kind, "test"), drawn) - 0.5) < 0.02
