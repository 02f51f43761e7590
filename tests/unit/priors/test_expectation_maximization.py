# SPDX-License-Identifier: Apache-2.0
"""Expectation maximisation against scikit-learn's."""

import math
import warnings

import numpy as np
import pytest
import tensorflow as tf
import threadpoolctl
from sklearn import exceptions
from sklearn import mixture as sklearn_mixture

from glf_tf.priors import code_sums, expectation_maximization


def clusters(size=4000, *, dim=4, seed=0):
    """Codes of eight clusters that touch, in units of their deviations."""
    generator = np.random.default_rng(seed)
    loc = generator.normal(size=(8, dim)) * 2.0
    mixing = generator.normal(size=(8, dim, dim)) / math.sqrt(dim)
    index = generator.integers(8, size=size)
    eps = generator.normal(size=(size, dim))
    return standardized(loc[index] + np.einsum("nij,nj->ni", mixing[index], eps))


def standardized(z):
    deviation = z.std(axis=0)
    return (z - z.mean(axis=0)) / np.where(deviation > 0.0, deviation, 1.0)


def ill_scaled():
    """Coordinates that nearly repeat each other."""
    z = clusters()
    z[:, 1] = z[:, 0] + 1e-3 * z[:, 1]
    return standardized(z)


def degenerate():
    """Few different rows, and a coordinate that does not vary."""
    z = clusters()[np.arange(2000) % 40]
    z[:, 2] = 0.0
    return standardized(z)


DATA = {"clusters": clusters, "ill_scaled": ill_scaled, "degenerate": degenerate}


def reference(components, *, tolerance=1e-3, max_iterations=500, seed=0):
    """Returns scikit-learn's mixture."""
    return sklearn_mixture.GaussianMixture(
        components,
        tol=tolerance,
        max_iter=max_iterations,
        reg_covar=expectation_maximization.LEAST_VARIANCE,
        random_state=seed,
    )


def mixture_of(model):
    return expectation_maximization.Mixture(
        *map(tf.constant, (model.weights_, model.means_, model.covariances_))
    )


def step(z, mixture, *, dtype=tf.float64):
    return expectation_maximization.step(tf.constant(z.T), mixture, dtype=dtype)


def likelihood(z, mixture):
    return float(step(z, mixture)[1])


def fit(z, components, **options):
    options = {"max_iterations": 500, "tolerance": 1e-3, "seed": 0, **options}
    return expectation_maximization.fit(z, components=components, **options)


def test_an_iteration_is_that_of_scikit_learn():
    z, theirs = clusters(), reference(8, max_iterations=1, tolerance=0.0)
    theirs.warm_start = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        before = mixture_of(theirs.fit(z))
        theirs.fit(z)
    after, log_likelihood = step(z, before)
    for ours, expected in zip(after, mixture_of(theirs), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10)
    assert float(log_likelihood) == pytest.approx(theirs.lower_bound_, rel=1e-10)
    assert theirs.lower_bound_ < theirs.score(z), "the bound is that of the start"


def test_an_iteration_in_float32_is_near():
    z, before = clusters(), fit(clusters(), 8, max_iterations=2).mixture
    exact, _ = step(z, before)
    rough, _ = step(z, before, dtype=tf.float32)
    for left, right in zip(rough, exact, strict=True):
        assert left.dtype == tf.float64
        np.testing.assert_allclose(left, right, atol=1e-4)


@pytest.mark.parametrize("name", DATA)
def test_fits_are_as_likely_as_those_of_scikit_learn(name):
    z, seeds = DATA[name](), range(3)
    ours = [likelihood(z, fit(z, 8, seed=seed).mixture) for seed in seeds]
    with threadpoolctl.threadpool_limits(1):  # threads wait where other tests run
        theirs = [reference(8, seed=seed).fit(z).score(z) for seed in seeds]
    # Starts differ, so optima do: by as much as each library's own.
    assert np.mean(ours) > np.mean(theirs) - max(np.std(theirs), 0.01)


def test_parts_of_the_codes_give_the_same_sums(monkeypatch):
    z, before = clusters(), fit(clusters(), 8, max_iterations=1).mixture
    whole, _ = step(z, before)
    monkeypatch.setattr(code_sums, "_NUMBERS_AT_ONCE", 1100 * (8 + 15))
    eager = expectation_maximization.step.__wrapped__
    parts, _ = eager(tf.constant(z.T), before)
    for left, right in zip(parts, whole, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12)


def test_the_likelihood_never_falls():
    z, values = clusters(), []
    found = fit(clusters(), 8, max_iterations=2, tolerance=0.0)
    assert found.iterations == 2
    assert not found.has_converged
    mixture = found.mixture
    for _ in range(10):
        mixture, log_likelihood = step(z, mixture)
        values.append(float(log_likelihood))
    assert all(np.diff(values) > 0.0)


def test_the_same_seed_gives_the_same_bits():
    seeds = (3, 3, 4)
    first, second, other = (fit(clusters(), 8, seed=seed).mixture for seed in seeds)
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(first.loc, other.loc)


def test_a_component_without_codes_stays_where_it_is():
    z = np.repeat([[-1.0, 0.0], [1.0, 0.0]], 50, axis=0)
    mixture = fit(z, 5).mixture
    np.testing.assert_allclose(np.abs(mixture.loc), [[1.0, 0.0]] * 5, atol=1e-6)
    assert np.isfinite(likelihood(z, mixture))


def test_sharp_components_are_fitted_in_float64(monkeypatch):
    types, taken = [], expectation_maximization.step

    def noted(*arguments, dtype):
        types.append(dtype)
        return taken(*arguments, dtype=dtype)

    monkeypatch.setattr(expectation_maximization, "step", noted)
    fit(clusters(), 8)
    assert types[0] == tf.float32
    assert types[-1] == tf.float64
    types.clear()
    fit(np.repeat(clusters(size=8), 50, axis=0), 8)
    assert set(types) == {tf.float64}


def test_iterations_are_reported():
    reports = []
    found = fit(clusters(), 8, report=lambda: reports.append(1))
    assert found.has_converged
    assert len(reports) == found.iterations
