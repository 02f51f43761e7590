# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.vectors: shape and finiteness are looked at."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.metrics import vectors


def test_features_of_a_wrong_shape_are_refused():
    with pytest.raises(ValueError, match="size, dim"):
        vectors.check(np.zeros([3, 1, 1, 8]))


def test_infinite_features_are_refused():
    features = np.zeros([3, 2])
    features[0] = [np.inf, -np.inf]
    with pytest.raises(ValueError, match="2 that are NaN or inf"):
        vectors.check(features)


def test_subset_draws_distinct_rows_by_seed():
    rows = np.arange(100)[:, np.newaxis]
    first, again, other = (
        vectors.subset(rows, count=30, seed=seed) for seed in (1, (1, 0), 2)
    )
    assert len(np.unique(first)) == 30
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert vectors.subset(rows, count=100, seed=0) is rows


def test_generator_takes_negative_seeds():
    # Splitting a stateless seed gives any int32.
    seed = tf.constant([-5, 7])
    assert vectors.generator(seed).random() == vectors.generator(seed).random()
