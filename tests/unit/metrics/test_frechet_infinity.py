# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.frechet_infinity: a line through exact and drawn points."""

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.metrics import frechet, frechet_infinity, vectors


def gaussian(mean, covariance):
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    return frechet.Statistics(mean, covariance, count=10**6)


def test_line_through_exact_points_is_found():
    counts = [100, 200, 400]
    line = frechet_infinity.fit_line(counts, distances=[5 + 300 / n for n in counts])
    assert line.value == pytest.approx(5.0)
    assert line.slope == pytest.approx(300.0)


def test_extrapolation_removes_the_bias_of_a_finite_count():
    rng = np.random.default_rng(12)
    truth = gaussian(np.zeros(32), np.eye(32))
    features = rng.normal(size=(2000, 32))
    finite = frechet.distance(frechet.statistics(features), reference=truth)
    line = frechet_infinity.distance(features, reference=truth, seed=0, smallest=200)
    # The true distance is 0; the bias of the finite one is about 0.15.
    assert abs(line.value) < finite / 3
    assert line.slope > 0
    assert line.counts[0] == 200
    assert line.counts[-1] == 2000
    assert line.distances[-1] == pytest.approx(finite)


def test_extrapolation_repeats_with_its_seed():
    features = np.random.default_rng(13).normal(size=(400, 4))
    truth = gaussian(np.zeros(4), np.eye(4))

    def value(seed):
        return frechet_infinity.distance(features, reference=truth, seed=seed).value

    assert value(3) == value((3, 0))
    assert value(3) != value(4)


def test_extrapolation_warns_of_counts_below_the_dimensions():
    features = np.random.default_rng(14).normal(size=(100, 40))
    with pytest.warns(vectors.SmallSampleWarning, match="rank"):
        frechet_infinity.distance(
            features, reference=frechet.statistics(features), seed=0, smallest=30
        )


@pytest.mark.parametrize("options", [{"points": 1}, {"smallest": 50}, {"smallest": 80}])
def test_fewer_than_two_counts_are_refused(options):
    features = np.random.default_rng(15).normal(size=(50, 4))
    with pytest.raises(errors.InvalidValue, match="two or more sample counts"):
        frechet_infinity.distance(
            features, reference=frechet.statistics(features), seed=0, **options
        )


def test_a_line_through_one_count_is_refused():
    with pytest.raises(errors.InvalidValue, match="two or more sample counts"):
        frechet_infinity.fit_line([100, 100], distances=[1.0, 2.0])
