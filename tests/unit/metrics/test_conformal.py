# SPDX-License-Identifier: Apache-2.0
"""Thresholds and p-values by held-out normal scores, against counts and simulation."""

import numpy as np
import pytest
from scipy import stats

from glf_tf import errors
from glf_tf.metrics import conformal

NORMAL = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 7.0, 6.0, 9.0, 8.0])


def test_p_values_count_the_normal_scores_that_are_as_high():
    found = conformal.p_values(np.array([10.0, 9.0, 8.5, 1.0, -3.0]), normal=NORMAL)
    np.testing.assert_allclose(found, [0.1, 0.2, 0.2, 1.0, 1.0])


@pytest.mark.parametrize(("rate", "expected"), [(0.1, 9.0), (0.19, 9.0), (0.2, 8.0)])
def test_the_threshold_is_one_of_the_largest_scores(rate, expected):
    assert conformal.threshold(NORMAL, false_alarms=rate) == expected


@pytest.mark.parametrize("seed", range(5))
def test_above_the_threshold_are_those_of_small_p_values(seed):
    draw = np.random.default_rng(seed)
    normal = draw.integers(0, 30, draw.integers(19, 80)) / 2  # with ties
    score = draw.integers(0, 40, 200) / 2
    for rate in (0.05, 0.1, 0.25, 1 / 3, 0.5):
        above = score > conformal.threshold(normal, false_alarms=rate)
        p = conformal.p_values(score, normal=normal)
        np.testing.assert_array_equal(above, p <= rate + 1e-12)


def test_fresh_normal_scores_are_reported_at_the_rate_within_its_interval():
    """Over 4,000 calibrations with 39 scores: mean and quantiles of the true rates."""
    draw, n, rate = np.random.default_rng(0), 39, 0.1
    held_out = draw.uniform(size=(4000, n))
    # Of uniform scores, the true rate of a threshold is known.
    true = [1 - conformal.threshold(row, false_alarms=rate) for row in held_out]
    assert np.mean(true) == pytest.approx(rate, abs=0.003)
    low, high = conformal.false_alarm_interval(n, false_alarms=rate)
    assert low < rate < high
    assert np.mean(np.less(true, low)) == pytest.approx(0.025, abs=0.008)
    assert np.mean(np.greater(true, high)) == pytest.approx(0.025, abs=0.008)
    wide, narrow = (
        conformal.false_alarm_interval(count, false_alarms=rate) for count in (39, 3999)
    )
    assert wide[1] - wide[0] > 5 * (narrow[1] - narrow[0])


@pytest.mark.parametrize(("events", "count"), [(0, 10), (3, 10), (10, 10), (1, 400)])
def test_intervals_of_counts_are_those_of_clopper_and_pearson(events, count):
    expected = stats.binomtest(events, count).proportion_ci(0.95, method="exact")
    found = conformal.rate_interval(events, count=count)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_nothing_observed_tells_nothing():
    assert conformal.rate_interval(0, count=0) == (0.0, 1.0)


@pytest.mark.parametrize(("n", "rate"), [(18, 0.05), (8, 0.1), (0, 0.5)])
def test_too_few_normal_scores_are_refused(n, rate):
    with pytest.raises(errors.InvalidValue, match=f"at least {round(1 / rate) - 1}"):
        conformal.threshold(np.arange(n), false_alarms=rate)
    enough = np.arange(round(1 / rate) - 1)
    assert conformal.threshold(enough, false_alarms=rate) == enough.max()


@pytest.mark.parametrize("rate", [0.0, -0.1, 0.51, float("nan")])
def test_rates_are_fractions(rate):
    with pytest.raises(errors.InvalidValue, match="at most a half"):
        conformal.threshold(NORMAL, false_alarms=rate)


def test_scores_that_are_no_numbers_are_refused():
    bad = np.array([1.0, np.nan])
    with pytest.raises(errors.InvalidValue, match="NaN for 1 of 2"):
        conformal.p_values(bad, normal=NORMAL)
    assert conformal.p_values(np.array([np.inf]), normal=NORMAL) == [0.1]
