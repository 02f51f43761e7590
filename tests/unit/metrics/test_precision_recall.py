# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.precision_recall against plain NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.metrics import neighbors, precision_recall


def distances(x, y):
    return np.linalg.norm(x[:, np.newaxis] - y[np.newaxis], axis=-1)


def plain_radii(x, k):
    # Of the sorted distances of a point, the first is 0, to itself.
    return np.sort(distances(x, x), axis=1)[:, k]


def plain_scores(samples, real, *, precision_k, density_k):
    across = distances(real, samples)
    small, large = plain_radii(real, precision_k), plain_radii(real, density_k)
    own = plain_radii(samples, precision_k)
    inside = across <= large[:, np.newaxis]
    return (
        np.mean(np.any(across <= small[:, np.newaxis], axis=0)),
        np.mean(np.any(across <= own, axis=1)),
        np.sum(inside) / (density_k * len(samples)),
        np.mean(np.any(inside, axis=1)),
    )


def as_tuple(scores):
    return scores.precision, scores.recall, scores.density, scores.coverage


@pytest.mark.parametrize("block", [2**23, 500])
@pytest.mark.parametrize(("precision_k", "density_k"), [(3, 5), (5, 3), (1, 1)])
def test_scores_agree_with_plain_numpy(monkeypatch, block, precision_k, density_k):
    monkeypatch.setattr(neighbors, "BLOCK_ELEMENTS", block)
    rng = np.random.default_rng(0)
    real = rng.normal(size=(130, 6))
    samples = rng.normal(0.6, 0.8, size=(170, 6))
    scores = precision_recall.scores(
        samples, reference=real, precision_k=precision_k, density_k=density_k
    )
    expected = plain_scores(samples, real, precision_k=precision_k, density_k=density_k)
    assert as_tuple(scores) == pytest.approx(expected)
    assert 0.2 < scores.precision < 1.0
    assert 0.2 < scores.recall < 1.0


def test_a_set_against_itself_is_perfect():
    real = np.random.default_rng(1).normal(size=(100, 5)) + 100.0
    scores = precision_recall.scores(real, reference=real)
    assert (scores.precision, scores.recall, scores.coverage) == (1.0, 1.0, 1.0)
    # A point is in its own ball and in about k others.
    assert scores.density == pytest.approx(1.2, abs=0.1)


def test_far_apart_sets_have_nothing_in_common():
    real = np.random.default_rng(2).normal(size=(60, 5))
    assert as_tuple(precision_recall.scores(real + 50, reference=real)) == (0, 0, 0, 0)


def test_samples_from_one_of_two_modes_are_precise_and_cover_half():
    rng = np.random.default_rng(3)
    modes = np.repeat([[0.0] * 4, [30.0] * 4], 100, axis=0)
    real = modes + rng.normal(size=modes.shape)
    samples = rng.normal(size=(200, 4))
    scores = precision_recall.scores(samples, reference=real)
    assert scores.precision > 0.8
    assert scores.recall <= 0.5
    assert 0.4 < scores.coverage <= 0.5


def test_takes_tensors():
    real = tf.random.stateless_normal([40, 3], seed=[0, 1])
    assert precision_recall.scores(real, reference=real).precision == 1.0


def test_refuses_more_neighbours_than_points():
    with pytest.raises(ValueError, match="smaller than the number of points"):
        precision_recall.scores(np.zeros([5, 2]), reference=np.zeros([100, 2]))


def test_one_direction_that_dominates_hides_no_neighbour():
    """15 coordinates of deviation 1, and one that is 0 or 10,000."""
    rng = np.random.default_rng(0)

    def points():
        far = rng.choice([0.0, 1e4], size=(500, 1))
        return np.concatenate([rng.normal(size=(500, 15)), far], axis=1)

    real, samples = points(), points()
    for dtype in (np.float32, np.float64):
        scores = precision_recall.scores(
            samples.astype(dtype), reference=real.astype(dtype)
        )
        expected = plain_scores(samples, real, precision_k=3, density_k=5)
        assert as_tuple(scores) == pytest.approx(expected, abs=0.01)
        assert scores.density < 1.3
