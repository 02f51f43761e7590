# SPDX-License-Identifier: Apache-2.0
"""Couplings of splines, their network, and standardisation."""

import math

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.bijectors import rational_quadratic, spline_coupling, standardize
from glf_tf.bijectors.conditioners import residual_mlp
from tests import descriptors


def vectors(count=4, dim=5, *, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=(count, dim)))


def made(dim=5, **options):
    options = {"hidden": 6, "depth": 2, "bins": 4, "dtype": "float64"} | options
    return spline_coupling.SplineCoupling(dim, **options)


def through(parameters, x, *, bound=3.0):
    splines = rational_quadratic.spline(tf.convert_to_tensor(parameters), bound=bound)
    return splines.forward_and_log_slope(x)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_a_new_coupling_is_the_identity(dim):
    z = vectors(dim=dim)
    bijector = made(dim).bijector()
    np.testing.assert_allclose(bijector.inverse(z), z, atol=1e-12)
    np.testing.assert_allclose(
        bijector.inverse_log_det_jacobian(z, event_ndims=1), 0.0, atol=1e-12
    )


@pytest.mark.parametrize("transforms", ["first", "second"])
def test_one_half_goes_through_splines_of_the_other(transforms):
    step, z = made(transforms=transforms), vectors()
    descriptors.perturb(step)
    halves = [z[:, :2], z[:, 2:]]
    x, c = halves if transforms == "first" else halves[::-1]
    # The released code divides widths and heights, not slopes.
    factors = np.repeat([1.0 / math.sqrt(6.0), 1.0], [8, 3])
    raw = np.reshape(step.network(c), [4, x.shape[1], 11]) * factors
    (x, of_x), (c, of_c) = through(raw, x), through(step.kept, c)
    expected = tf.concat([x, c] if transforms == "first" else [c, x], axis=1)
    bijector = step.bijector()
    np.testing.assert_allclose(bijector.inverse(z), expected, atol=1e-12)
    np.testing.assert_allclose(
        bijector.inverse_log_det_jacobian(z, event_ndims=1),
        tf.reduce_sum(of_x, axis=1) + tf.reduce_sum(of_c, axis=1),
        atol=1e-12,
    )


def test_the_kept_half_may_stay_as_it_is():
    step, z = made(unconditional=False), vectors()
    descriptors.perturb(step)
    eps = step.bijector().inverse(z)
    np.testing.assert_array_equal(eps[:, :2], z[:, :2])
    assert np.abs(eps - z)[:, 2:].min() > 1e-6


def test_the_density_in_one_dimension_integrates_to_one():
    step = made(1, bins=8)
    descriptors.perturb(step, scale=2.0)
    z = tf.linspace(tf.constant(-9.0, tf.float64), 9.0, 200_001)[:, None]
    bijector = step.bijector()
    log_prob = -0.5 * bijector.inverse(z)[:, 0] ** 2 - 0.5 * math.log(2.0 * math.pi)
    log_prob += bijector.inverse_log_det_jacobian(z, event_ndims=1)
    density = tf.exp(log_prob)
    assert float(tf.reduce_max(density)) > 0.5  # not that of the noise
    np.testing.assert_allclose(np.trapezoid(density, z[:, 0]), 1.0, atol=1e-6)


def test_one_number_may_depend_on_a_condition():
    step, z = made(1, condition_dim=3), vectors(dim=1)
    descriptors.perturb(step)
    first, second = (
        step.bijector(condition=vectors(dim=3, seed=seed)).inverse(z) for seed in (1, 2)
    )
    assert np.abs(first - second).min() > 1e-9


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bins": 1}, "bins=1"),
        ({"bound": -1.0}, "bound=-1"),
        ({"dropout": 1.0}, "dropout=1"),
        ({"transforms": "third"}, "transforms='third'"),
    ],
)
def test_bad_options_are_refused(options, says):
    with pytest.raises(errors.InvalidValue, match=says) as caught:
        made(**options)
    assert "\n" not in str(caught.value)


def test_the_network_is_that_of_the_released_code():
    network, x = residual_mlp.ResidualMLP(3, 2, hidden=4, depth=2), vectors(dim=3)
    descriptors.perturb(network)

    def relu(h):
        return np.maximum(h, 0.0)

    def dense(name, h):
        layer = getattr(network, name)
        return h @ np.array(layer.kernel) + np.array(layer.bias)

    h = dense("input_layer", np.float32(x))
    for block in range(2):
        inner = dense(f"first_{block}", relu(h))
        h = h + dense(f"second_{block}", relu(inner))
    expected = dense("output_layer", h)
    np.testing.assert_allclose(network(tf.cast(x, tf.float32)), expected, atol=1e-5)


def test_standardised_data_has_mean_0_and_deviation_1():
    step = standardize.Standardize(3, dtype="float64")
    data = 3.0 + 2.0 * vectors(500, 3)
    np.testing.assert_array_equal(step.bijector().inverse(data), data)
    eps = step.start(data).numpy()
    np.testing.assert_allclose(eps.mean(0), 0.0, atol=1e-12)
    np.testing.assert_allclose(eps.std(0), 1.0, atol=1e-12)
    found = step.bijector().inverse_log_det_jacobian(data, event_ndims=1)
    np.testing.assert_allclose(found, -np.sum(np.log(np.std(data, 0))))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constant_columns_are_not_divided_by_zero(dtype):
    data = np.array(vectors(1000, 3), dtype)
    data[:, 0], data[:, 1] = 0.0, 0.1
    step = standardize.Standardize(3, dtype=dtype)
    eps = step.start(tf.constant(data)).numpy()
    np.testing.assert_allclose(step.deviation[:2], 1.0)
    np.testing.assert_allclose(eps[:, :2], 0.0, atol=1e-7)
    np.testing.assert_allclose(eps[:, 2].std(), 1.0, rtol=1e-5)


def test_small_deviations_are_no_constants():
    data = 1e-20 * tf.cast(vectors(100, 2), tf.float32)
    eps = standardize.Standardize(2).start(data).numpy()
    np.testing.assert_allclose(eps.std(0), 1.0, rtol=1e-5)
