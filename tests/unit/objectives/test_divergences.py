# SPDX-License-Identifier: Apache-2.0
"""The discrepancy of codes and prior, against loops, averages and known moments."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.objectives import divergences


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def slow_mmd(z, drawn, *, prior_scale):
    """The definition, pair by pair in float64."""

    def kernel(a, b):
        distance = np.sum((np.float64(a) - np.float64(b)) ** 2)
        base = 2 * z.shape[1] * prior_scale**2
        scales = (0.1, 0.2, 0.5, 1, 2, 5, 10)
        return sum(base * s / (base * s + distance) for s in scales)

    def others(points):
        count = len(points)
        pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
        total = sum(kernel(points[i], points[j]) for i, j in pairs)
        return total / (count**2 - count)

    cross = np.mean([kernel(a, b) for a in z for b in drawn])
    return others(z) + others(drawn) - 2 * cross


@pytest.mark.parametrize("prior_scale", [1.0, 1.5])
@pytest.mark.parametrize("count", [2, 9])
def test_mmd_agrees_with_a_loop_over_pairs(count, prior_scale):
    z, drawn = 2.0 * normal(7, 5) + 1.0, normal(count, 5, seed=1)
    value = divergences.imq_mmd_squared(z, drawn, prior_scale=prior_scale)
    assert value.shape == []
    assert value.dtype == tf.float32
    expected = slow_mmd(z, drawn, prior_scale=prior_scale)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def many_mmds(shift, *, count=8, repeats=4000):
    """Estimates from independent small sets."""
    z = normal(repeats, count, 3) + np.float32(shift)
    drawn = normal(repeats, count, 3, seed=1)

    def one(pair):
        return divergences.imq_mmd_squared(*pair, prior_scale=1.0)

    return tf.vectorized_map(one, (z, drawn)).numpy()


def test_mmd_of_one_distribution_is_zero_on_average_and_often_negative():
    values = many_mmds(0.0)
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
    assert 0.3 < np.mean(values < 0) < 0.8


def test_small_sets_estimate_what_large_sets_do():
    values = many_mmds(0.7)
    large = divergences.imq_mmd_squared(
        normal(4000, 3, seed=2) + np.float32(0.7),
        normal(4000, 3, seed=3),
        prior_scale=1.0,
    )
    error = 4 * values.std() / np.sqrt(len(values))
    # The large set's own error is of the order 1 / 4000 of the kernel's 7.
    assert abs(values.mean() - large) < error + 5e-3
    assert large > 10 * error


def test_mmd_has_finite_gradients_where_points_coincide():
    z = tf.constant(np.concatenate([np.zeros((2, 3)), normal(2, 3)]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = divergences.imq_mmd_squared(z, tf.identity(z), prior_scale=1.0)
    assert np.all(np.isfinite(tape.gradient(value, z)))


@pytest.mark.parametrize(("scale", "sign"), [(0.3, -1.0), (3.0, 1.0)])
def test_mmd_falls_where_the_codes_spread_as_the_prior_does(scale, sign):
    z, drawn = tf.constant(scale * normal(256, 4)), normal(256, 4, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = divergences.imq_mmd_squared(z, drawn, prior_scale=1.0)
    # The derivative with respect to the logarithm of the codes' scale.
    assert sign * np.sum(tape.gradient(value, z) * z) > 0.1


def test_half_precision_codes_are_compared_in_full_precision():
    z, drawn = tf.cast(normal(6, 4), tf.bfloat16), normal(6, 4, seed=1)
    value = divergences.imq_mmd_squared(z, drawn, prior_scale=1.0)
    expected = slow_mmd(np.float32(z), drawn, prior_scale=1.0)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def test_moment_mismatch_agrees_with_numpy():
    z = 2.0 * normal(9, 4) + 0.5
    value = divergences.moment_mismatch(z, prior_scale=1.5)
    covariance = np.cov(z, rowvar=False, ddof=1) - 1.5**2 * np.eye(4)
    expected = np.mean(z.mean(axis=0) ** 2) + np.mean(covariance**2)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_moment_mismatch_is_zero_at_the_moments_of_the_prior():
    z = normal(50, 3)
    z -= z.mean(axis=0)
    whitened = z @ np.linalg.inv(np.linalg.cholesky(np.cov(z, rowvar=False))).T
    value = divergences.moment_mismatch(2.0 * whitened, prior_scale=2.0)
    np.testing.assert_allclose(value, 0.0, atol=1e-9)


def test_a_batch_of_one_is_refused():
    one, two = normal(1, 3), normal(2, 3)
    for pair in ((one, two), (two, one)):
        with pytest.raises(errors.InvalidValue, match="at least 2"):
            divergences.imq_mmd_squared(*pair, prior_scale=1.0)
    with pytest.raises(errors.InvalidValue, match="at least 2"):
        divergences.moment_mismatch(one, prior_scale=1.0)


def test_a_last_batch_of_one_stays_finite():
    """Its size is known at run time only: a validation must not end with NaN."""

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def both(z):
        mmd = divergences.imq_mmd_squared(z, z + 1.0, prior_scale=1.0)
        return mmd, divergences.moment_mismatch(z, prior_scale=1.0)

    assert np.all(np.isfinite(both(normal(1, 3))))
