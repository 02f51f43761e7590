# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.neighbors: exact and in bounded memory."""

import numpy as np
import pytest

from glf_tf import errors
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


@pytest.mark.parametrize("sizes", [(50, 90), (90, 50), (1, 7), (7, 1), (64, 64)])
@pytest.mark.parametrize("rows", [1, 16, 2048])
def test_nearest_agrees_with_brute_force(sizes, rows):
    rng = np.random.default_rng(9)
    points, others = (rng.normal(size=(size, 6)) for size in sizes)
    index, _ = neighbors.nearest(points, others=others, rows=rows)
    np.testing.assert_array_equal(index, distances(points, others).argmin(axis=1))


def test_what_is_far_from_the_origin_is_reported_apart():
    rng = np.random.default_rng(10)
    points = rng.normal(300.0, size=(200, 4)).astype(np.float32)
    others = rng.normal(300.0, size=(400, 4)).astype(np.float32)
    index, _ = neighbors.nearest(points, others=others, rows=64)
    expected = distances(points.astype(float), others.astype(float)).argmin(axis=1)
    np.testing.assert_array_equal(index, expected)


def test_of_copies_the_first_is_found():
    rng = np.random.default_rng(11)
    copies = np.tile(rng.normal(size=(1, 3)), [9, 1])
    index, _ = neighbors.nearest(rng.normal(size=(5, 3)), others=copies, rows=2)
    assert set(index) == {0}


def test_points_that_are_not_numbers_have_some_neighbour():
    others = np.ones([3, 2], np.float32)
    index, distance = neighbors.nearest(others * np.nan, others=others)
    assert set(index) <= {0, 1, 2}
    assert np.isnan(distance).all()


@pytest.mark.parametrize(
    "shapes", [((3, 4), (5, 3)), ((3, 4), (0, 4)), ((0, 4), (5, 4))]
)
def test_unfit_vectors_are_refused(shapes):
    points, others = (np.zeros(shape, np.float32) for shape in shapes)
    with pytest.raises(errors.InvalidValue, match="same size, at least one"):
        neighbors.nearest(points, others=others)
