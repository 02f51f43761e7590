# SPDX-License-Identifier: Apache-2.0
"""The steps of the vector Glow, against NumPy and the released sizes."""

import math

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.bijectors import actnorm, glow_coupling, linear
from glf_tf.flows import glow_vector
from tests import descriptors


def vectors(count=4, dim=6):
    return tf.random.stateless_normal([count, dim], seed=[0, 0], dtype=tf.float64)


def test_actnorm_is_glows():
    layer, z = actnorm.ActNorm(6, dtype="float64"), vectors()
    shift, log_scale = np.asarray(layer.shift), np.asarray(layer.log_scale)
    bijector = layer.bijector()
    expected = (z + shift) * np.exp(3.0 * log_scale)
    np.testing.assert_allclose(bijector.inverse(z), expected)
    np.testing.assert_allclose(
        bijector.inverse_log_det_jacobian(z), 3.0 * np.sum(log_scale)
    )
    # Neither from zero, nor both from the same draw.
    assert 0.0 < np.abs(shift).max() < 0.3
    assert np.abs(shift - log_scale).min() > 1e-6


def test_a_new_linear_map_is_a_rotation():
    layer, z = linear.Linear(6, seed=2, dtype="float64"), vectors()
    bijector = layer.bijector()
    matrix = np.asarray(bijector.inverse(tf.eye(6, dtype="float64"))).T
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(matrix, linear.rotation(6, seed=2), atol=1e-12)
    np.testing.assert_allclose(bijector.inverse(z), z @ matrix.T, atol=1e-12)
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(z), 0.0, atol=1e-12)
    assert np.abs(matrix - linear.rotation(6, seed=3)).max() > 0.1


def test_linear_maps_take_vectors_of_any_rank():
    layer, z = linear.Linear(6, dtype="float64"), vectors(8)
    expected = tf.reshape(layer.bijector().inverse(z), [2, 4, 6])
    found = layer.bijector().inverse(tf.reshape(z, [2, 4, 6]))
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(
        layer.bijector().forward(tf.identity(found)), tf.reshape(z, [2, 4, 6])
    )


def test_determinant_of_many_dimensions_is_exact():
    """In float32, against NumPy in float64."""
    layer = linear.Linear(100)
    descriptors.perturb(layer, scale=0.05)
    matrix = np.float64(layer.bijector().inverse(tf.eye(100)))
    found = layer.bijector().inverse_log_det_jacobian(tf.zeros([1, 100]))
    np.testing.assert_allclose(found, np.linalg.slogdet(matrix)[1], atol=1e-3)


def test_a_new_coupling_contracts_one_half():
    z = vectors()
    bijector = glow_coupling.GlowCoupling(6, hidden=4, dtype="float64").bijector()
    scale = 0.001 + 0.999 / (1.0 + math.exp(-2.0))
    expected = np.concatenate([z[:, :3], scale * z[:, 3:]], axis=1)
    np.testing.assert_allclose(bijector.inverse(z), expected)


def test_no_sample_overflows():
    layer = glow_coupling.GlowCoupling(6, hidden=4)
    layer.bias.assign([0.0] * 3 + [-1e4] * 3)  # shifts, then scales
    z = tf.random.stateless_normal([4, 6], seed=[0, 0])
    bijector = layer.bijector()
    np.testing.assert_allclose(bijector.forward(z)[:, 3:], 1e3 * z[:, 3:], rtol=1e-4)
    np.testing.assert_allclose(
        bijector.forward_log_det_jacobian(z), 3 * np.log(1e3), rtol=1e-4
    )


@pytest.mark.parametrize(("dim", "expected"), [(100, 122_400), (128, 168_320)])
def test_flow_has_the_released_number_of_weights(dim, expected):
    """But for the second bias of each hidden layer, 2 x 64 a step."""
    flow = glow_vector.GlowVector(dim, name="flow")
    count = sum(math.prod(v.shape) for v in flow.trainable_variables)
    assert count == expected - 5 * 2 * 64


def test_bad_sizes_are_refused():
    with pytest.raises(errors.InvalidValue, match="blocks=0"):
        glow_vector.GlowVector(4, blocks=0, name="flow")
    with pytest.raises(errors.InvalidValue, match="two halves"):
        glow_vector.GlowVector(1, name="flow")
