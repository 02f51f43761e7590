# SPDX-License-Identifier: Apache-2.0
"""The mixture prior against scikit-learn and SciPy."""

import logging

import numpy as np
import pytest
from scipy import stats
from sklearn import mixture as sklearn_mixture

from glf_tf import errors
from glf_tf.priors import mixture

CENTRES = np.array([[6.0, 0.0, 0.0], [-6.0, 0.0, 1.0], [0.0, 7.0, -2.0]])
WEIGHTS = np.array([0.5, 0.3, 0.2])


def codes(size=3000, *, seed=0):
    """Draws of three components with correlated coordinates."""
    generator = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0.0, 0.0], [0.5, 0.6, 0.0], [0.2, -0.3, 0.3]])
    index = generator.choice(3, size, p=WEIGHTS)
    return CENTRES[index] + generator.normal(size=(size, 3)) @ mixing.T


@pytest.fixture
def fitted():
    prior = mixture.MixturePrior(3, components=3)
    prior.fit(codes())
    return prior


def test_starts_as_the_standard_normal():
    z = codes()[:5]
    expected = stats.multivariate_normal(np.zeros(3)).logpdf(z)
    np.testing.assert_allclose(mixture.MixturePrior(3).log_prob(z), expected, rtol=1e-5)


def test_log_prob_is_that_of_scikit_learn(fitted):
    z = codes(size=200, seed=1)
    # Components that lie apart have one optimum, whatever the start.
    reference = sklearn_mixture.GaussianMixture(3, tol=1e-6, random_state=7)
    expected = reference.fit(codes()).score_samples(z)
    np.testing.assert_allclose(fitted.log_prob(z), expected, rtol=2e-3, atol=2e-3)


def test_log_prob_is_that_of_its_weights(fitted):
    z = codes(size=50, seed=1)
    weights = np.exp(fitted.logits) / np.exp(fitted.logits).sum()
    density = sum(
        weight * stats.multivariate_normal(loc, scale @ scale.T).pdf(z)
        for weight, loc, scale in zip(
            weights,
            np.asarray(fitted.loc),
            np.asarray(fitted.scale_tril, np.float64),
            strict=True,
        )
    )
    np.testing.assert_allclose(fitted.log_prob(z), np.log(density), rtol=1e-4)


def test_samples_have_the_moments_of_each_component(fitted):
    drawn = fitted.sample(60_000, seed=3).numpy()
    index = np.linalg.norm(drawn[:, None] - CENTRES, axis=-1).argmin(axis=1)
    share = np.bincount(index) / len(drawn)
    np.testing.assert_allclose(share, WEIGHTS, atol=0.02)
    z = codes()
    nearest = np.linalg.norm(z[:, None] - CENTRES, axis=-1).argmin(axis=1)
    for item in range(3):
        ours, theirs = drawn[index == item], z[nearest == item]
        np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.05)
        np.testing.assert_allclose(np.cov(ours.T), np.cov(theirs.T), atol=0.05)


def test_few_draws_are_the_beginning_of_many(fitted):
    many = fitted.sample(1000, seed=5)
    np.testing.assert_allclose(fitted.sample(7, seed=5), many[:7], atol=1e-5)


def test_components_and_noise_are_independent(fitted):
    drawn = fitted.sample(20_000, seed=3).numpy()
    index = np.linalg.norm(drawn[:, None] - CENTRES, axis=-1).argmin(axis=1)
    lag = np.corrcoef(index[:-1], index[1:])[0, 1]
    assert abs(lag) < 0.03


def test_temperature_scales_the_noise_of_the_components(fitted):
    loc = np.asarray(fitted.loc)
    for z in fitted.sample(20, seed=3, temperature=0.0).numpy():
        assert np.isclose(z, loc, atol=1e-6).all(axis=1).any()
    cold, half, warm = (
        fitted.sample(20, seed=3, temperature=t).numpy() for t in (0.0, 0.5, 1.0)
    )
    np.testing.assert_allclose(half - cold, 0.5 * (warm - cold), atol=1e-5)


def test_the_same_seed_gives_the_same_fit():
    priors = [mixture.MixturePrior(3, components=4, seed=2) for _ in range(2)]
    for prior in priors:
        prior.fit(codes(size=300))
    np.testing.assert_array_equal(priors[0].loc, priors[1].loc)


def test_tiny_codes_are_fitted_like_large_ones(fitted):
    """What is added to the variances is in units of the codes."""
    tiny = mixture.MixturePrior(3, components=3)
    tiny.fit(1e-4 * codes())
    np.testing.assert_allclose(tiny.loc, 1e-4 * np.asarray(fitted.loc), rtol=1e-3)
    np.testing.assert_allclose(
        tiny.scale_tril, 1e-4 * np.asarray(fitted.scale_tril), rtol=1e-2, atol=1e-9
    )


def test_codes_that_are_all_equal_have_a_finite_density():
    prior = mixture.MixturePrior(3, components=2)
    prior.fit(np.ones([8, 3]))
    assert np.isfinite(prior.log_prob(np.ones([2, 3]))).all()
    np.testing.assert_allclose(prior.sample(4, seed=0), np.ones([4, 3]), atol=0.02)


def test_a_fit_that_did_not_converge_is_a_warning(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    prior = mixture.MixturePrior(3, components=8, max_iterations=1, tolerance=0.0)
    with caplog.at_level(logging.WARNING):
        prior.fit(codes(size=200))
    assert "not converged after 1 iterations" in caplog.text
    assert np.isfinite(prior.log_prob(codes(size=5))).all()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"components": 0}, "components"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"tolerance": -1.0}, "tolerance"),
    ],
)
def test_bad_options_are_refused(options, word):
    with pytest.raises(errors.InvalidValue, match=word):
        mixture.MixturePrior(3, **options)


def test_more_components_than_codes_are_refused():
    with pytest.raises(errors.InvalidValue, match="at least 10 codes"):
        mixture.MixturePrior(3).fit(codes(size=9))


def test_each_coordinate_keeps_its_spread_beside_any_other():
    z = np.random.default_rng(0).normal(size=(2000, 2)) * [1.0, 1e4]
    prior = mixture.MixturePrior(2, components=2)
    prior.fit(z)
    drawn = prior.sample(20_000, seed=1).numpy()
    np.testing.assert_allclose(drawn.std(axis=0) / z.std(axis=0), 1.0, atol=0.05)


def test_units_of_the_coordinates_change_the_density_by_their_product(fitted):
    unit = np.array([1e-4, 3.0, 1e4])
    other = mixture.MixturePrior(3, components=3)
    other.fit(codes() * unit)
    z = codes(size=50, seed=1)
    expected = fitted.log_prob(z) - np.log(unit).sum()
    np.testing.assert_allclose(other.log_prob(z * unit), expected, atol=0.02)


def test_a_coordinate_that_does_not_vary_stays_where_it_is():
    z = codes()
    z[:, 1] = 0.1
    prior = mixture.MixturePrior(3, components=3)
    prior.fit(z)
    np.testing.assert_allclose(prior.sample(50, seed=0)[:, 1], 0.1, atol=0.05)
