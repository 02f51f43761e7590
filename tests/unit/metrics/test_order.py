# SPDX-License-Identifier: Apache-2.0
"""Tests that every measure orders real images as a person would.

On scikit-learn's digits: noise, blur, forgotten classes and repeated images, each in
growing doses. The extractor is a fixed random projection with a ReLU, so that nothing
here depends on a training.
"""

import numpy as np
import pytest
import scipy.ndimage
from sklearn import datasets

from glf_tf.metrics import kid, precision_recall, reference, suite
from glf_tf.metrics.extractors import features

SHAPE = (800, 8, 8, 1)
# Which way each number goes as samples get worse.
DISTANCES = ("fd", "fd_infinity", "kid")
FIDELITY = ("prd_f_1_8", "precision", "density")
DIVERSITY = ("prd_f_8", "recall", "coverage")


@pytest.fixture(scope="module")
def digits():
    bunch = datasets.load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.images))
    return bunch.images[order, :, :, np.newaxis] / 16, bunch.target[order]


@pytest.fixture(scope="module")
def extractor():
    kernel = np.random.default_rng(1).normal(size=(64, 24)).astype(np.float32) / 8

    def project(images):
        return np.maximum(images.reshape(len(images), -1) @ kernel, 0)

    return features.FunctionExtractor(project, name="projection", dim=24)


@pytest.fixture(scope="module")
def real(digits, extractor):
    return reference.Reference(digits[0][:800], extractor=extractor, split="first")


@pytest.fixture(scope="module")
def fresh(digits):
    return digits[0][900:1700]


@pytest.fixture(scope="module")
def measured():
    """What was measured: the first dose is the same each time."""
    return {}


@pytest.fixture
def numbers(real, measured):
    """Computes every number for each dose; from a list of images to lists by key."""

    def of_doses(doses):
        for images in doses:
            if images.tobytes() not in measured:
                measured[images.tobytes()] = all_numbers(images, real=real)
        rows = [measured[images.tobytes()] for images in doses]
        return {key: [row[key] for row in rows] for key in rows[0]}

    return of_doses


def all_numbers(images, *, real):
    samples = real.extractor(images)
    # Ten subsets instead of a hundred: the doses differ by more than their noise.
    kernel = kid.distance(samples, reference=real.features, seed=0, subsets=10)
    others = tuple(metric for metric in suite.METRICS if metric != "kid")
    numbers = suite.compute(others, samples=samples, real=real, seed=0)
    return numbers | {"kid": kernel.mean}


def assert_rising(values):
    assert all(a < b for a, b in zip(values[:-1], values[1:], strict=True)), values


def assert_not_rising(values, *, slack=0.03):
    """Falls from first to last, and never rises by more than the noise of 800."""
    assert values[-1] < values[0] - slack, values
    assert all(b < a + slack for a, b in zip(values[:-1], values[1:], strict=True))


def test_growing_noise_makes_everything_worse(fresh, numbers):
    rng = np.random.default_rng(2)
    noise = rng.normal(size=fresh.shape)
    doses = [np.clip(fresh + scale * noise, 0, 1) for scale in (0, 0.1, 0.25, 0.6)]
    result = numbers(doses)
    for key in DISTANCES:
        assert_rising(result[key])
    for key in (*FIDELITY, "prd_f_8", "coverage"):
        assert_not_rising(result[key])


def test_recall_is_fooled_by_noise(fresh, real):
    """A known weakness: its balls are the samples', and outliers have large ones."""
    noise = np.random.default_rng(2).normal(size=fresh.shape)
    clean, noisy = (
        precision_recall.scores(
            real.extractor(np.clip(fresh + scale * noise, 0, 1)),
            reference=real.features,
        )
        for scale in (0, 0.6)
    )
    assert noisy.recall > clean.recall
    assert noisy.coverage < clean.coverage / 2


def test_growing_blur_makes_everything_worse(fresh, numbers):
    doses = [
        scipy.ndimage.gaussian_filter(fresh, sigma=(0, sigma, sigma, 0))
        for sigma in (0, 0.4, 0.8, 1.6)
    ]
    result = numbers(doses)
    for key in DISTANCES:
        assert_rising(result[key])
    # Blurred digits lie between the sharp ones: in their balls, but not around them.
    for key in ("prd_f_8", "prd_f_1_8", "recall", "coverage"):
        assert_not_rising(result[key])


def test_forgotten_classes_are_missed_by_diversity_alone(digits, numbers):
    images, labels = digits[0][900:], digits[1][900:]
    doses = [np.resize(images[labels < kept], SHAPE) for kept in (10, 7, 4, 1)]
    result = numbers(doses)
    for key in DISTANCES:
        assert_rising(result[key])
    for key in DIVERSITY:
        assert_not_rising(result[key])
    # What is left is as good as before.
    assert min(result["precision"]) > result["precision"][0] - 0.05


def test_repeated_images_are_missed_by_diversity_alone(fresh, numbers):
    doses = [np.resize(fresh[:kept], SHAPE) for kept in (800, 200, 50, 10)]
    result = numbers(doses)
    for key in ("fd", "kid"):
        assert_rising(result[key])
    for key in DIVERSITY:
        assert_not_rising(result[key])
    assert min(result["precision"]) > 0.6


def test_fresh_real_images_score_near_the_best(fresh, numbers):
    result = {key: value for key, (value,) in numbers([fresh]).items()}
    assert abs(result["kid"]) < 1e-3
    for key in ("prd_f_8", "prd_f_1_8", "density", "coverage"):
        assert result[key] > 0.9, key
    for key in ("precision", "recall"):
        assert result[key] > 0.75, key
