# SPDX-License-Identifier: Apache-2.0
"""Planar flows: invertible whatever the weights, the identity at the start."""

import math

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.bijectors import planar

GENERATOR = np.random.default_rng(0)


def drawn(*shape, scale=1.0):
    return tf.constant(scale * GENERATOR.normal(size=shape))


def test_it_starts_as_the_identity():
    step, x = planar.Planar(5, dtype="float64"), drawn(4, 5)
    np.testing.assert_allclose(step.bijector().forward(x), x, atol=1e-12)
    log_det = step.bijector().forward_log_det_jacobian(x)
    np.testing.assert_allclose(log_det, 0.0, atol=1e-12)


def test_the_start_can_be_left():
    step, x = planar.Planar(5, dtype="float64"), drawn(4, 5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(step.bijector().forward(x) ** 2)
    assert np.abs(tape.gradient(loss, step.u.value)).max() > 1e-3


def test_log_det_is_finite_and_agrees_with_autodiff_whatever_the_weights():
    # `w . u` far below -1, where the map without its constraint would fold.
    w = drawn(200, 3, scale=3.0)
    u = -w + drawn(200, 3)
    bijector = planar.PlanarBijector(u, w, drawn(200))
    x = drawn(200, 3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = bijector.forward(x)
    determinant = np.linalg.det(tape.batch_jacobian(y, x))
    assert determinant.min() > 0.0
    log_det = bijector.forward_log_det_jacobian(x)
    np.testing.assert_allclose(log_det, np.log(determinant), atol=1e-6)


def test_each_vector_of_a_batch_can_have_its_own_parameters():
    step, x = planar.Planar(4, dtype="float64"), drawn(3, 4)
    moves = drawn(3, step.num_parameters)
    together = step.bijector(moved_by=moves).forward(x)
    for row in range(3):
        one = slice(row, row + 1)
        alone = step.bijector(moved_by=moves[one]).forward(x[one])
        np.testing.assert_allclose(together[one], alone, atol=1e-12)


def test_a_batch_of_one_keeps_its_shape():
    step = planar.Planar(4)
    x = tf.zeros([1, 4])
    moves = tf.ones([1, step.num_parameters])
    assert step.bijector(moved_by=moves).forward(x).shape == (1, 4)
    assert step.bijector(moved_by=moves).forward_log_det_jacobian(x).shape == (1,)


def test_a_direction_of_length_zero_is_finite():
    zeros = tf.zeros([2, 3], tf.float64)
    bijector = planar.PlanarBijector(drawn(2, 3), zeros, drawn(2))
    assert np.isfinite(bijector.forward(drawn(2, 3))).all()


@pytest.mark.parametrize("along", [-10.0, -17.0, -40.0, -80.0, -200.0])
def test_a_map_that_all_but_folds_is_finite_in_single_precision(along):
    """`m` is -1 to the last bit from `w . u` of -17 on, and the slope is least at 0."""
    zeros, value = tf.zeros([1, 2]), tf.Variable([[along, 0.0]])
    with tf.GradientTape() as tape:
        bijector = planar.PlanarBijector(
            value, tf.constant([[1.0, 0.0]]), tf.zeros([1])
        )
        log_det = bijector.forward_log_det_jacobian(zeros)
    exact = np.log(np.log1p((math.e - 1.0) * np.exp(along)))
    np.testing.assert_allclose(log_det, max(exact, math.log(1e-30)), rtol=1e-3)
    assert np.isfinite(tape.gradient(log_det, value)).all()
    assert np.isfinite(bijector.inverse(zeros + [[0.5, 0.0]])).all()
    assert np.isfinite(bijector.inverse(zeros)).all()
