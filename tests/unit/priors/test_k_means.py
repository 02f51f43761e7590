# SPDX-License-Identifier: Apache-2.0
"""The clusters that a mixture starts from."""

import numpy as np
import tensorflow as tf

from glf_tf.priors import k_means

CENTERS = np.array([[6.0, 0.0], [-6.0, 1.0], [0.0, 7.0], [0.0, -9.0]])


def codes(size=400):
    generator = np.random.default_rng(0)
    return np.repeat(CENTERS, size // 4, axis=0) + generator.normal(size=(size, 2))


def found(z, count, *, seed=0):
    centers = k_means.centers(tf.constant(z.T), count, seed=seed)
    number = tf.reduce_sum(k_means.members(centers, tf.constant(z.T)), axis=1)
    return centers.numpy(), number.numpy()


def test_clusters_that_lie_apart_are_found():
    z = codes()
    for seed in range(5):
        centers, number = found(z, 4, seed=seed)
        order = np.linalg.norm(centers[None] - CENTERS[:, None], axis=-1).argmin(axis=1)
        means = z.reshape(4, 100, 2).mean(axis=1)
        np.testing.assert_allclose(centers[order], means, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(number, [100] * 4)


def test_each_center_is_the_mean_of_the_codes_next_to_it():
    z = codes()
    centers, number = found(z, 9)
    nearest = np.linalg.norm(z[:, None] - centers, axis=-1).argmin(axis=1)
    again = np.array([z[nearest == item].mean(axis=0) for item in range(9)])
    np.testing.assert_allclose(again, centers, atol=1e-4)
    assert number.sum() == 400


def test_fewer_different_codes_than_clusters_leave_some_empty():
    centers, number = found(np.repeat(CENTERS, 10, axis=0), 7)
    assert number.sum() == 40
    assert np.count_nonzero(number) == 4
    distance = np.linalg.norm(centers[:, None] - CENTERS, axis=-1).min(axis=1)
    np.testing.assert_allclose(distance, 0.0, atol=1e-5)


def test_seeds_decide_where_it_starts():
    z = np.random.default_rng(0).normal(size=(300, 2))
    np.testing.assert_array_equal(found(z, 6, seed=1)[0], found(z, 6, seed=1)[0])
    assert not np.array_equal(found(z, 6, seed=1)[0], found(z, 6, seed=2)[0])
