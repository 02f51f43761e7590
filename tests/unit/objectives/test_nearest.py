# SPDX-License-Identifier: Apache-2.0
"""Nearest neighbours against scikit-learn's and SciPy's brute force."""

import numpy as np
import pytest
from scipy.spatial import distance
from sklearn import neighbors

from glf_tf import errors
from glf_tf.objectives import nearest


def draw(count, dim, *, seed):
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


@pytest.mark.parametrize("sizes", [(50, 90), (90, 50), (1, 7), (7, 1), (64, 64)])
@pytest.mark.parametrize("block", [1, 16, 2048])
def test_agrees_with_brute_force(sizes, block):
    queries, candidates = draw(sizes[0], 6, seed=0), draw(sizes[1], 6, seed=1)
    found = nearest.nearest(queries, candidates, block=block)
    search = neighbors.NearestNeighbors(n_neighbors=1, algorithm="brute")
    expected = search.fit(candidates.astype(np.float64)).kneighbors(
        queries, return_distance=False
    )
    np.testing.assert_array_equal(found, expected[:, 0])


def test_candidates_far_from_the_origin_are_told_apart():
    queries, candidates = draw(200, 4, seed=0) + 300.0, draw(400, 4, seed=1) + 300.0
    found = nearest.nearest(queries, candidates, block=64)
    distances = distance.cdist(
        queries.astype(np.float64), candidates.astype(np.float64)
    )
    np.testing.assert_array_equal(found, distances.argmin(axis=1))


def test_a_candidate_is_its_own_neighbour():
    candidates = draw(300, 8, seed=0)
    order = np.random.default_rng(1).permutation(300)
    found = nearest.nearest(candidates[order], candidates, block=128)
    np.testing.assert_array_equal(found, order)


def test_of_copies_the_first_is_found():
    candidates = np.tile(draw(1, 3, seed=0), [9, 1])
    assert set(nearest.nearest(draw(5, 3, seed=1), candidates, block=2).numpy()) == {0}


@pytest.mark.parametrize(
    "shapes", [((3, 4), (5, 3)), ((3, 4), (0, 4)), ((0, 4), (5, 4))]
)
def test_unfit_vectors_are_refused(shapes):
    with pytest.raises(errors.InvalidValue, match="same size, at least one"):
        nearest.nearest(*(np.zeros(shape, np.float32) for shape in shapes))
