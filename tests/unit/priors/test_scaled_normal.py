# SPDX-License-Identifier: Apache-2.0
"""The normal prior with a scale, against SciPy."""

import numpy as np
import pytest
from scipy import stats

from glf_tf import errors
from glf_tf.priors import scaled_normal


def test_log_prob_agrees_with_scipy():
    z = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    prior = scaled_normal.ScaledNormalPrior(3, scale=1.7)
    expected = stats.multivariate_normal(np.zeros(3), 1.7**2 * np.eye(3)).logpdf(z)
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-5)


def test_draws_have_the_scale():
    prior = scaled_normal.ScaledNormalPrior(4, scale=3.0)
    drawn = prior.sample(5000, seed=0).numpy()
    assert stats.kstest(drawn.ravel() / 3.0, "norm").pvalue > 0.01
    half = prior.sample(5000, seed=0, temperature=0.5)
    np.testing.assert_allclose(half, 0.5 * drawn, rtol=1e-6)


def test_inverse_undoes_forward():
    eps = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    prior = scaled_normal.ScaledNormalPrior(3, scale=0.2)
    np.testing.assert_allclose(prior.inverse(prior.forward(eps)), eps, rtol=1e-6)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan")])
def test_bad_scales_are_refused(scale):
    with pytest.raises(errors.InvalidValue, match="standard deviation"):
        scaled_normal.ScaledNormalPrior(3, scale=scale)
