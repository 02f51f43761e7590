# SPDX-License-Identifier: Apache-2.0
"""Densities in the plane: samples, integrals and entropies agree."""

import numpy as np
import pytest
from scipy import stats

from glf_tf.data import plane
from glf_tf.datasets import toy

AREA = 0.05**2

every = pytest.mark.parametrize("kind", toy.KINDS)


@every
def test_density_integrates_to_one(kind):
    log_prob = toy.density(kind).log_prob(plane.cells())
    # Of eight Gaussians and the pinwheel, 1e-7 lies outside of the cells.
    assert np.exp(log_prob).sum() * AREA == pytest.approx(1.0, abs=1e-6)


@every
def test_samples_agree_with_the_density(kind):
    """By Pearson's test of counts in squares of side 0.25, at a fixed seed."""
    x = toy.density(kind).sample(20_000, seed=0)
    edges = np.linspace(-5.0, 5.0, 41)
    counts, _, _ = np.histogram2d(x[:, 1], x[:, 0], bins=[edges, edges])
    fine = plane.cells(spacing=0.025)
    probability = np.exp(toy.density(kind).log_prob(fine)) * 0.025**2
    expected = 20_000 * probability.reshape(40, 10, 40, 10).sum(axis=(1, 3))
    seen = expected > 5.0
    counts, expected = (
        [*values[seen], values[~seen].sum() + 1e-9] for values in (counts, expected)
    )
    scaled = np.array(expected) * np.sum(counts) / np.sum(expected)
    assert stats.chisquare(counts, scaled).pvalue > 1e-3


@every
def test_entropy_is_the_mean_surprise(kind):
    density = toy.density(kind)
    surprise = -density.log_prob(density.sample(10_000, seed=1))
    error = surprise.std() / 100.0
    found = plane.entropy(density)
    assert surprise.mean() == pytest.approx(found, abs=4.0 * error + 1e-6)


def test_known_entropies():
    """Of separate clouds, of one, and of a uniform density."""
    apart = plane.Clouds(np.array([[-3.0, 0.0], [3.0, 0.0]]), deviation=0.3)
    of_one = 1.0 + np.log(2.0 * np.pi * 0.09)
    assert plane.entropy(apart) == pytest.approx(of_one + np.log(2.0), abs=1e-6)
    assert plane.entropy(plane.Checkerboard()) == pytest.approx(np.log(32.0))


def test_clouds_are_a_mean_of_normal_densities():
    made = plane.Clouds(np.array([[0.0, 1.0], [2.0, -1.0]]), deviation=0.5)
    x = np.array([[0.3, 0.8], [1.0, 0.0], [-4.0, 3.0]])
    of_each = [stats.multivariate_normal(c, 0.25).pdf(x) for c in ([0, 1], [2, -1])]
    expected = np.log(np.mean(of_each, axis=0))
    np.testing.assert_allclose(made.log_prob(x), expected, rtol=1e-12)


def test_pinwheel_has_a_symmetry_of_its_arms():
    x = plane.Pinwheel().sample(50, seed=0).astype(np.float64)
    cos, sin = np.cos(0.4 * np.pi), np.sin(0.4 * np.pi)
    turned = x @ np.array([[cos, sin], [-sin, cos]])
    made = plane.Pinwheel(arms=5)
    np.testing.assert_allclose(made.log_prob(turned), made.log_prob(x), rtol=1e-9)
    assert np.abs(plane.Pinwheel(arms=4).log_prob(turned) - made.log_prob(x)).max() > 1


@every
def test_far_away_is_no_overflow(kind):
    log_prob = toy.density(kind).log_prob(np.array([[1e3, 1e3], [1e30, 0.0]]))
    assert (log_prob < -1e5).all()


@every
def test_same_seed_gives_the_same_points(kind):
    density = toy.density(kind)
    first, again, other = (density.sample(9, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.dtype == np.float32
    assert density.sample(0, seed=0).shape == (0, 2)
    assert density.log_prob(np.zeros([0, 2])).shape == (0,)


def test_curves_have_no_ripples():
    """Ten times as many centres are the same density."""
    few, many = (
        plane.along(lambda u: (6.0 * u - 3.0, 0.0 * u), deviation=0.1, centres=count)
        for count in (200, 2000)
    )
    x = np.stack([np.linspace(-2.0, 2.0, 999), np.zeros(999)], axis=1)
    np.testing.assert_allclose(few.log_prob(x), many.log_prob(x), atol=1e-6)
