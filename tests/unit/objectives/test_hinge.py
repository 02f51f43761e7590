# SPDX-License-Identifier: Apache-2.0
"""The hinge loss, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.objectives import hinge

SCORES = np.random.default_rng(0).normal(size=(5, 3, 2, 1)) * 2.0

FORMULAS = {
    hinge.of_real: lambda s: np.maximum(0.0, 1.0 - s).mean(axis=(1, 2, 3)),
    hinge.of_made: lambda s: np.maximum(0.0, 1.0 + s).mean(axis=(1, 2, 3)),
    hinge.to_please: lambda s: -s.mean(axis=(1, 2, 3)),
}
every = pytest.mark.parametrize("loss", FORMULAS, ids=lambda loss: loss.__name__)


@every
def test_losses_are_those_of_numpy(loss):
    np.testing.assert_allclose(loss(tf.constant(SCORES)), FORMULAS[loss](SCORES))


@every
def test_one_score_an_image_is_its_own_mean(loss):
    scores = SCORES[:, 0, 0, :]
    np.testing.assert_allclose(
        loss(tf.constant(scores)), FORMULAS[loss](scores[:, None, None])
    )


def gradient(loss, scores):
    scores = tf.constant(scores)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        total = tf.reduce_sum(loss(scores))
    return tape.gradient(total, scores).numpy()


def test_scores_beyond_the_margin_are_left_alone():
    scores = np.array([[-2.0], [-0.5], [0.5], [2.0]])
    np.testing.assert_array_equal(
        gradient(hinge.of_real, scores)[:, 0], [-1, -1, -1, 0]
    )
    np.testing.assert_array_equal(gradient(hinge.of_made, scores)[:, 0], [0, 1, 1, 1])
    np.testing.assert_array_equal(gradient(hinge.to_please, scores)[:, 0], [-1] * 4)
