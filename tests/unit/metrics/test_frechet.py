# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.frechet against closed forms and SciPy."""

import warnings

import numpy as np
import pytest
import scipy.linalg

from glf_tf.metrics import frechet, vectors


def gaussian(mean, covariance):
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    return frechet.Statistics(mean, covariance, count=10**6)


def random_covariance(dim, *, rank, seed):
    factor = np.random.default_rng(seed).normal(size=(dim, rank))
    return factor @ factor.T / rank


def test_distance_of_diagonal_gaussians_has_its_closed_form():
    first = gaussian([1.0, 2.0, 3.0], np.diag([1.0, 4.0, 9.0]))
    second = gaussian([0.0, 2.0, 5.0], np.diag([4.0, 4.0, 1.0]))
    # |shift|^2 = 1 + 0 + 4; sum of squared differences of scales = 1 + 0 + 4.
    assert frechet.distance(first, reference=second) == pytest.approx(10.0, abs=1e-12)


def test_distance_of_scalars_is_that_of_means_and_of_standard_deviations():
    first, second = gaussian([3.0], [[4.0]]), gaussian([1.0], [[25.0]])
    assert frechet.distance(first, reference=second) == pytest.approx(4.0 + 9.0)


def test_shift_of_all_samples_adds_its_squared_length():
    features = np.random.default_rng(0).normal(size=(500, 8))
    shift = np.linspace(-1, 1, 8)
    distance = frechet.distance(
        frechet.statistics(features + shift), reference=frechet.statistics(features)
    )
    assert distance == pytest.approx(shift @ shift, abs=1e-9)


@pytest.mark.parametrize("rank", [40, 10])
def test_distance_of_a_set_to_itself_is_zero(rank):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(300, rank)) @ rng.normal(size=(rank, 40))
    own = frechet.statistics(features)
    # Below full rank, eigenvalues of 1e-16 have roots of 1e-8.
    assert 0 <= frechet.distance(own, reference=own) < 1e-5


@pytest.mark.parametrize(
    ("first_rank", "second_rank"), [(24, 24), (24, 6), (6, 24), (6, 5), (1, 1)]
)
def test_distance_agrees_with_scipy_sqrtm(first_rank, second_rank):
    dim = 12
    first = random_covariance(dim, rank=first_rank, seed=2)
    second = random_covariance(dim, rank=second_rank, seed=3)
    # Off zero, scipy's root of a product of deficient rank is well defined.
    ridge = 1e-9 * np.eye(dim)
    root = scipy.linalg.sqrtm((first + ridge) @ (second + ridge))
    expected = np.trace(first + second) - 2 * np.trace(np.real(root))
    zero = np.zeros(dim)
    distance = frechet.distance(gaussian(zero, first), reference=gaussian(zero, second))
    # The ridge itself moves a root by up to sqrt(1e-9) a dimension.
    assert distance == pytest.approx(expected, abs=1e-3)


def test_distance_agrees_with_scipy_sqrtm_closely_at_full_rank():
    first = random_covariance(30, rank=60, seed=4)
    second = random_covariance(30, rank=60, seed=5)
    root = scipy.linalg.sqrtm(first @ second)
    expected = np.trace(first + second - 2 * np.real(root))
    zero = np.zeros(30)
    distance = frechet.distance(gaussian(zero, first), reference=gaussian(zero, second))
    assert distance == pytest.approx(expected, rel=1e-9)


def test_distance_is_symmetric():
    rng = np.random.default_rng(6)
    first = frechet.statistics(rng.normal(size=(200, 10)))
    second = frechet.statistics(rng.gamma(2.0, size=(300, 10)))
    there = frechet.distance(first, reference=second)
    assert there == pytest.approx(frechet.distance(second, reference=first), rel=1e-9)


@pytest.mark.parametrize("piece", [1, 7, 5000])
def test_streaming_equals_batch(piece):
    # More rows than one block, and a mean far from 0, where naive sums lose digits.
    features = np.random.default_rng(7).normal(1000.0, 1.0, size=(5000, 3))
    pieces = (features[i : i + piece] for i in range(0, len(features), piece))
    result = frechet.statistics(pieces, dim=3)
    assert result.count == 5000
    np.testing.assert_allclose(result.mean, features.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        result.covariance, np.cov(features, rowvar=False), rtol=1e-9, atol=1e-12
    )


def test_statistics_of_an_array_are_numpys():
    features = np.random.default_rng(8).normal(size=(2500, 4)).astype(np.float32)
    result = frechet.statistics(features)
    exact = features.astype(np.float64)
    np.testing.assert_allclose(result.covariance, np.cov(exact, rowvar=False))
    assert result.covariance.dtype == np.float64


def test_moments_can_be_read_more_than_once():
    features = np.random.default_rng(9).normal(size=(60, 3))
    moments = frechet.Moments(3)
    moments.update(features[:20])
    first = moments.result()
    moments.update(features[20:])
    second = moments.result()
    assert (first.count, second.count) == (20, 60)
    np.testing.assert_allclose(first.mean, features[:20].mean(axis=0))
    np.testing.assert_allclose(second.covariance, np.cov(features, rowvar=False))


def test_too_few_samples_are_warned_of_with_what_they_do():
    features = np.random.default_rng(10).normal(size=(20, 30))
    own = frechet.statistics(features)
    with pytest.warns(vectors.SmallSampleWarning, match="biased upwards"):
        frechet.distance(own, reference=own)


def test_enough_samples_are_not_warned_of():
    own = frechet.statistics(np.random.default_rng(11).normal(size=(31, 30)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet.distance(own, reference=own)


def test_statistics_refuse_one_sample():
    with pytest.raises(ValueError, match="two rows"):
        frechet.statistics(np.zeros([1, 4]))
    with pytest.raises(ValueError, match="two features"):
        frechet.statistics(iter([np.zeros([1, 4])]), dim=4)
    with pytest.raises(ValueError, match="two features"):
        frechet.Moments(4).result()


def test_statistics_refuse_nan():
    features = np.zeros([8, 4])
    features[3, 2] = np.nan
    with pytest.raises(ValueError, match="finite"):
        frechet.statistics(features)
    with pytest.raises(ValueError, match="finite"):
        frechet.statistics(iter([features]), dim=4)


def test_distance_refuses_two_extractors():
    with pytest.raises(ValueError, match="same extractor"):
        frechet.distance(
            gaussian([0.0], [[1.0]]), reference=gaussian([0.0, 0.0], np.eye(2))
        )


@pytest.mark.parametrize("counts", [(60, 60), (60, 90), (9, 9), (9, 60)])
def test_distance_is_symmetric_to_the_last_bit(counts):
    rng = np.random.default_rng(16)
    for _ in range(10):
        one, other = (
            frechet.statistics(rng.normal(size=(count, 12)) * rng.gamma(1.0, size=12))
            for count in counts
        )
        there = frechet.raw_distance(one, reference=other)
        assert there == frechet.raw_distance(other, reference=one)
