# SPDX-License-Identifier: Apache-2.0
"""Student-t densities: SciPy's values, its quantiles of draws, and refusals."""

import numpy as np
import pytest
from scipy import stats

from glf_tf import errors
from glf_tf.priors import student_t
from tests import descriptors


def moved(df=5.0):
    prior = student_t.StudentTPrior(3, df=df)
    descriptors.perturb(prior)
    loc, log_scale, log_df = (np.float64(v) for v in prior.get_weights())
    return prior, loc, np.exp(log_scale), 2.1 + np.exp(log_df)


def test_log_prob_is_scipys():
    prior, loc, scale, df = moved()
    unit = scale * np.sqrt((df - 2.0) / df)
    z = np.random.default_rng(0).normal(size=(20, 3)) * [1.0, 10.0, 100.0]
    expected = stats.t.logpdf(z, df, loc, unit).sum(axis=1)
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-5)


@pytest.mark.parametrize("df", [2.2, 5.0, 1e3])
def test_draws_have_scipys_distribution(df):
    prior, loc, scale, df = moved(df)
    draws = np.float64(prior.sample(20_000, seed=1))
    unit = scale * np.sqrt((df - 2.0) / df)
    for column in range(3):
        known = stats.t(df[column], loc[column], unit[column])
        # By chance as large in one of 1e5 tests.
        assert stats.kstest(draws[:, column], known.cdf).pvalue > 1e-5


def test_it_starts_with_the_moments_of_a_standard_normal():
    draws = np.float64(student_t.StudentTPrior(4, df=9.0).sample(50_000, seed=2))
    np.testing.assert_allclose(draws.mean(axis=0), 0.0, atol=0.03)
    np.testing.assert_allclose(draws.var(axis=0), 1.0, atol=0.05)


def test_many_degrees_of_freedom_are_a_normal_density():
    z = np.random.default_rng(0).normal(size=(20, 3))
    prior = student_t.StudentTPrior(3, df=10.0)
    prior.set_weights([np.zeros(3), np.zeros(3), np.full(3, 500.0)])
    expected = stats.norm.logpdf(z).sum(axis=1)
    np.testing.assert_allclose(prior.log_prob(z), expected, atol=2e-3)
    assert np.isfinite(prior.sample(9, seed=0)).all()


@pytest.mark.parametrize("df", [2.0, 2.1, -1.0, float("nan"), 1e4])
def test_no_variance_is_refused(df):
    with pytest.raises(errors.InvalidValue, match="degrees of freedom"):
        student_t.StudentTPrior(3, df=df)
