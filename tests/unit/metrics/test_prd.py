# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.prd on supports that are equal, disjoint and nested."""

import numpy as np
import pytest

from glf_tf.metrics import prd


def points(centers, *, count, seed):
    """Tight clusters around numbered corners, the same number of each."""
    rng = np.random.default_rng(seed)
    means = 10.0 * np.eye(8)[np.resize(centers, count)]
    return means + 0.1 * rng.normal(size=means.shape)


def test_histograms_of_one_law_give_the_full_square():
    curve = prd.curve_of_histograms(np.ones(4) / 4, np.ones(4) / 4)
    assert curve.f_8 == pytest.approx(1.0)
    assert curve.f_1_8 == pytest.approx(1.0)


def test_histograms_of_disjoint_supports_give_nothing():
    curve = prd.curve_of_histograms(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert curve.f_8 == pytest.approx(0.0, abs=1e-6)
    assert curve.f_1_8 == pytest.approx(0.0, abs=1e-6)


def test_samples_on_half_of_the_support_are_precise_and_forget_half():
    curve = prd.curve_of_histograms(np.array([1.0, 0.0]), np.array([0.5, 0.5]))
    assert curve.precision.max() == pytest.approx(1.0)
    assert curve.recall.max() == pytest.approx(0.5)
    assert curve.f_1_8 > 0.98
    assert curve.f_8 < 0.52


def test_samples_beyond_the_support_recall_all_and_are_half_wrong():
    curve = prd.curve_of_histograms(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    assert curve.precision.max() == pytest.approx(0.5)
    assert curve.recall.max() == pytest.approx(1.0)
    assert curve.f_8 > 0.98
    assert curve.f_1_8 < 0.52


def test_f_score_agrees_with_its_formula():
    curve = prd.Curve(precision=np.array([0.2, 0.8]), recall=np.array([0.9, 0.4]))
    by_hand = max(5 * p * r / (4 * p + r) for p, r in [(0.2, 0.9), (0.8, 0.4)])
    assert curve.f_score(2.0) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("sample_centers", "real_centers", "recall", "precision"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3], 1.0, 1.0),
        ([0, 1], [2, 3], 0.0, 0.0),
        ([0, 1], [0, 1, 2, 3], 0.5, 1.0),
        ([0, 1, 2, 3], [0, 1], 1.0, 0.5),
    ],
)
def test_clusters_find_supports(sample_centers, real_centers, recall, precision):
    curve = prd.curve(
        points(sample_centers, count=400, seed=0),
        reference=points(real_centers, count=400, seed=1),
        seed=0,
        clusters=4,
        runs=2,
    )
    # F_8 and F_1/8 weigh the other coordinate by 1 / 65.
    assert curve.f_8 == pytest.approx(recall, abs=0.05)
    assert curve.f_1_8 == pytest.approx(precision, abs=0.05)


def test_curve_repeats_with_its_seed():
    features = np.random.default_rng(2).normal(size=(100, 4))
    first, again = (
        prd.curve(features, reference=features + 0.5, seed=7, clusters=5, runs=2)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.precision, again.precision)
    assert first.precision.shape == (1001,)


def test_refuses_unequal_counts():
    with pytest.raises(ValueError, match="same number"):
        prd.curve(np.zeros([50, 2]), reference=np.zeros([60, 2]), seed=0)


def test_refuses_fewer_points_than_clusters():
    with pytest.raises(ValueError, match="clusters"):
        prd.curve(np.zeros([10, 2]), reference=np.zeros([10, 2]), seed=0)


def test_a_shift_of_both_sets_changes_nothing():
    rng = np.random.default_rng(9)
    real = rng.normal(size=(200, 3)).astype(np.float32)
    samples = rng.normal(0.5, 1.0, size=(200, 3)).astype(np.float32)
    plain = prd.curve(samples, reference=real, seed=0, runs=2)
    far = prd.curve(samples + 4096, reference=real + 4096, seed=0, runs=2)
    assert far.f_8 == pytest.approx(plain.f_8, abs=0.02)
    assert far.f_1_8 == pytest.approx(plain.f_1_8, abs=0.02)
