# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.kid: unbiased, and the formula of the paper."""

import numpy as np
import pytest

from glf_tf.metrics import kid


def plain_squared_mmd(x, y):
    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    across = sum(kernel(a, b) for a in x for b in y)
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)


def test_squared_mmd_agrees_with_loops():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 4)), rng.normal(0.5, 2.0, size=(7, 4))
    assert kid.squared_mmd(x, reference=y) == pytest.approx(plain_squared_mmd(x, y))


def test_is_unbiased_over_many_draws():
    rng = np.random.default_rng(1)
    draws = [
        kid.squared_mmd(rng.normal(size=(12, 5)), reference=rng.normal(size=(8, 5)))
        for _ in range(4000)
    ]
    error = np.std(draws) / np.sqrt(len(draws))
    # Of one law the expectation is 0 at any count; with the diagonals it would be 0.5.
    assert abs(np.mean(draws)) < 4 * error
    assert error < 0.02


def test_expectation_does_not_depend_on_the_count():
    rng = np.random.default_rng(2)

    def expectation(count):
        draws = [
            kid.squared_mmd(
                rng.normal(0.7, 1.0, size=(count, 4)),
                reference=rng.normal(size=(count, 4)),
            )
            for _ in range(3000)
        ]
        return np.mean(draws), np.std(draws) / np.sqrt(len(draws))

    small, small_error = expectation(5)
    large, large_error = expectation(40)
    assert abs(small - large) < 4 * np.hypot(small_error, large_error)
    assert large > 20 * large_error


def test_distance_uses_subsets_of_the_size_asked_for():
    features = np.random.default_rng(3).normal(size=(300, 4))
    result = kid.distance(
        features, reference=features + 1, seed=0, subsets=7, subset_size=50
    )
    assert (result.subsets, result.subset_size) == (7, 50)
    assert result.mean > 0
    assert result.std > 0


def test_subsets_shrink_to_the_smaller_set():
    features = np.random.default_rng(4).normal(size=(300, 4))
    result = kid.distance(features, reference=features[:60], seed=0, subsets=2)
    assert result.subset_size == 60


def test_distance_repeats_with_its_seed():
    features = np.random.default_rng(5).normal(size=(200, 4))

    def value(seed):
        return kid.distance(
            features, reference=features + 1, seed=seed, subsets=3, subset_size=20
        ).mean

    assert value(1) == value(1)
    assert value(1) != value(2)


def test_refuses_too_small_subsets():
    features = np.zeros([10, 3])
    with pytest.raises(ValueError, match="at least one subset"):
        kid.distance(features, reference=features, seed=0, subset_size=1)
    with pytest.raises(ValueError, match="at least one subset"):
        kid.distance(features, reference=features, seed=0, subsets=0)


def test_refuses_features_of_two_widths():
    with pytest.raises(ValueError, match="same width"):
        kid.distance(np.zeros([10, 3]), reference=np.zeros([10, 4]), seed=0)
