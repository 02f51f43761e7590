# SPDX-License-Identifier: Apache-2.0
"""Ranks among draws, and coverage of regions whose answers are known."""

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.metrics import calibration


def test_ranks_are_shares_of_draws_below_and_half_of_equal_ones():
    drawn = np.array([[1.0, 5.0], [2.0, 5.0], [2.0, 5.0], [4.0, 9.0]])
    vectors = np.array([[2.0, 5.0], [0.0, 6.0], [9.0, 0.0]])
    expected = [[0.5, 0.375], [0.0, 0.75], [1.0, 0.0]]
    np.testing.assert_array_equal(calibration.ranks(vectors, drawn), expected)


def test_numbers_of_known_ranks():
    found = calibration.summary(np.array([0.75, 0.25]))
    # Coverage is 0, 1/2 from 1/4 and 1 from 3/4: triangles of legs 1/4 beside p.
    assert found.distance == pytest.approx(0.25)
    assert found.error == pytest.approx(4 * 0.25**2 / 2, abs=1e-3)
    assert found.bias == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_array_equal(
        found.coverage(np.array([0.2, 0.5, 1.0])), [0, 0.5, 1]
    )
    outside = calibration.summary(np.ones(5))
    assert outside.bias == pytest.approx(-0.5, abs=1e-3)
    assert outside.error == pytest.approx(0.5, abs=1e-3)
    assert outside.distance == 1.0


@pytest.mark.parametrize(
    ("scale", "low", "high"), [(1.0, -0.02, 0.02), (0.8, -1, -0.1), (1.25, 0.1, 1)]
)
def test_the_bias_tells_too_narrow_from_too_wide(scale, low, high):
    """Held-out vectors of N(0, I), by the density N(0, scale^2 I)."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(4_000, 5))
    drawn = scale * generator.normal(size=(4_000, 5))
    log_probs = [-np.sum(z**2, axis=1, keepdims=True) for z in (vectors, drawn)]
    found = calibration.summary(1.0 - calibration.ranks(*log_probs)[:, 0])
    assert low < found.bias < high
    # A distance by chance in 1 of 1000 cases is below 1.95 sqrt(2 / n).
    assert (found.distance < 1.95 * np.sqrt(2 / 4_000)) == (scale == 1.0)
    assert found.error >= abs(found.bias)


@pytest.mark.parametrize("curves", [1, 5])
def test_a_density_that_is_right_is_farther_than_chance_in_a_twentieth(curves):
    generator = np.random.default_rng(0)
    size, draws, limit = 300, 200, calibration.chance(300, 200, curves=curves)

    def farthest():
        rank = calibration.ranks(
            generator.normal(size=(size, curves)),
            generator.normal(size=(draws, curves)),
        )
        return max(calibration.summary(column).distance for column in rank.T)

    assert 0.02 <= np.mean([farthest() > limit for _ in range(1_000)]) <= 0.07


@pytest.mark.parametrize("bad", [np.full((2, 1), np.nan), np.zeros((0, 1))])
def test_numbers_that_are_not_finite_are_refused(bad):
    with pytest.raises(errors.InvalidValue, match="finite numbers"):
        calibration.ranks(bad, np.zeros((3, 1)))
    with pytest.raises(errors.InvalidValue, match="of draws"):
        calibration.ranks(np.zeros((3, 1)), bad)
