# SPDX-License-Identifier: Apache-2.0
"""The normal prior against SciPy, and what it does with singular codes."""

import numpy as np
import pytest
from scipy import stats

from glf_tf import errors
from glf_tf.priors import normal


def codes(size=500, dim=3, *, seed=0):
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(size, dim)) @ generator.normal(size=(dim, dim))
    return mixed + generator.normal(size=dim)


def fitted(z):
    prior = normal.NormalPrior(z.shape[1])
    prior.fit(z)
    return prior


def test_starts_as_the_standard_normal():
    prior = normal.NormalPrior(3)
    z = codes()[:5]
    expected = stats.multivariate_normal(np.zeros(3)).logpdf(z)
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-5)


def test_log_prob_is_that_of_the_fit_of_greatest_likelihood():
    z = codes()
    mean, covariance = np.mean(z, axis=0), np.cov(z.T, bias=True)
    expected = stats.multivariate_normal(mean, covariance).logpdf(z)
    np.testing.assert_allclose(fitted(z).log_prob(z), expected, rtol=1e-4)


def test_samples_have_the_moments_of_the_codes():
    z = codes()
    prior = fitted(z)
    drawn = prior.sample(100_000, seed=1).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), z.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(z.T), rtol=0.05, atol=0.05)


def test_temperature_scales_the_noise():
    prior = fitted(codes())
    cold, warm = (prior.sample(4, seed=1, temperature=t) for t in (0.5, 1.0))
    np.testing.assert_allclose(cold - prior.loc, 0.5 * (warm - prior.loc), atol=1e-5)


def test_inverse_undoes_forward():
    prior, eps = fitted(codes()), codes(seed=1).astype(np.float32)
    np.testing.assert_allclose(prior.inverse(prior.forward(eps)), eps, atol=1e-4)


def test_no_jitter_where_none_is_needed():
    z = codes() * np.array([1.0, 1e-3, 1e3])
    scale = np.asarray(fitted(z).scale_tril, np.float64)
    expected = np.cov(z.T, bias=True)
    np.testing.assert_allclose(scale @ scale.T, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "z",
    [
        codes() * np.array([1.0, 0.0, 1.0]),
        codes(size=2, dim=6),
        np.ones([4, 3]),
    ],
    ids=["flat", "few", "equal"],
)
def test_singular_codes_have_a_finite_density(z):
    prior = fitted(z)
    assert np.isfinite(prior.log_prob(z)).all()
    assert np.isfinite(prior.sample(5, seed=0)).all()
    np.testing.assert_allclose(prior.loc, z.mean(axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("z", "word"),
    [
        (np.zeros([1, 3]), "at least 2"),
        (np.zeros([9, 4]), "of its size"),
        (np.zeros([9]), "of its size"),
        (np.full([9, 3], np.nan), "finite"),
    ],
)
def test_unfit_codes_are_refused(z, word):
    with pytest.raises(errors.InvalidValue, match=word):
        normal.NormalPrior(3).fit(z)


def test_a_jitter_is_small_beside_each_coordinate():
    """The last two codes are one: the covariance is singular."""
    z = np.random.default_rng(0).normal(size=(2000, 2)) * [1e-3, 1e4]
    z = np.concatenate([z, z[:, 1:]], axis=1)
    prior = normal.NormalPrior(3)
    prior.fit(z)
    drawn = prior.sample(20_000, seed=1).numpy()
    np.testing.assert_allclose(drawn.std(axis=0) / z.std(axis=0), 1.0, atol=0.05)
