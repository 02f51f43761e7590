# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.neighbors: exact and in bounded memory."""

import numpy as np

from glf_tf.metrics import neighbors


def distances(x, y):
    return np.linalg.norm(x[:, np.newaxis] - y[np.newaxis], axis=-1)


def test_duplicates_are_at_distance_zero():
    # In float32, the expanded square of such vectors would be off by some 0.1.
    rows = np.random.default_rng(4).normal(300.0, 1.0, size=(20, 64))
    doubled = np.repeat(rows, 4, axis=0).astype(np.float32)
    np.testing.assert_array_equal(neighbors.radii(doubled, ks=(3,)), np.zeros([1, 80]))


def test_nearest_is_exact_across_blocks(monkeypatch):
    monkeypatch.setattr(neighbors, "BLOCK_ELEMENTS", 64)
    rng = np.random.default_rng(5)
    points, others = rng.normal(size=(33, 4)), rng.normal(size=(57, 4))
    index, distance = neighbors.nearest(points, others=others, rows=10)
    expected = distances(points, others)
    np.testing.assert_array_equal(index, expected.argmin(axis=1))
    np.testing.assert_allclose(distance, expected.min(axis=1), rtol=1e-6)


def test_blocks_stay_within_their_bound(monkeypatch):
    monkeypatch.setattr(neighbors, "BLOCK_ELEMENTS", 1000)
    points = np.zeros([95, 3], np.float32)
    shapes = [block.shape for _, block in neighbors.blocks(points, others=points[:90])]
    assert max(rows * columns for rows, columns in shapes) <= 1000
    assert sum(rows for rows, _ in shapes) == 95


def test_float32_does_where_it_can():
    points = np.random.default_rng(6).normal(size=(300, 8)).astype(np.float32)
    assert neighbors.radii(points, ks=(3,)).dtype == np.float32
    points[:, 0] *= 1e4
    assert neighbors.radii(points, ks=(3,)).dtype == np.float64


def test_nearest_tells_what_float32_cannot():
    rng = np.random.default_rng(7)
    others = rng.normal(size=(200, 8))
    others[:, 0] += rng.choice([0.0, 1e4], size=200)
    points = others + rng.normal(0.0, 0.3, size=others.shape)
    index, distance = neighbors.nearest(
        points.astype(np.float32), others=others.astype(np.float32), rows=64
    )
    expected = distances(
        points.astype(np.float32).astype(float), others.astype(np.float32).astype(float)
    )
    np.testing.assert_array_equal(index, expected.argmin(axis=1))
    np.testing.assert_allclose(distance, expected.min(axis=1), rtol=1e-6)


def test_nearest_prefers_a_copy_to_what_is_almost_one():
    copy = np.random.default_rng(8).uniform(size=(1, 784)).astype(np.float32)
    almost = copy.copy()
    almost[0, 0] += 1e-4
    index, distance = neighbors.nearest(
        copy, others=np.concatenate([almost, copy, 30 * copy])
    )
    assert (index[0], distance[0]) == (1, 0.0)
