# SPDX-License-Identifier: Apache-2.0
"""Rational-quadratic splines, against the formulas of nflows and TFP."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import errors
from glf_tf.bijectors import rational_quadratic

BINS, BOUND = 6, 2.5


def drawn(count=400, *, scale=2.0, seed=0):
    """Numbers inside and outside of the interval, and parameters of their splines."""
    generator = np.random.default_rng(seed)
    numbers = generator.uniform(-1.3 * BOUND, 1.3 * BOUND, size=count)
    shape = (count, rational_quadratic.num_parameters(BINS))
    return numbers, scale * generator.normal(size=shape)


def spline(parameters, dtype="float64"):
    return rational_quadratic.spline(tf.constant(parameters, dtype), bound=BOUND)


def knots_of_nflows(logits):
    """Knots of one spline, from its softmax with a minimum of 1e-3."""
    shares = np.exp(logits - logits.max())
    shares = 1e-3 + (1.0 - 1e-3 * len(logits)) * shares / shares.sum()
    knots = 2.0 * BOUND * np.concatenate([[0.0], np.cumsum(shares)]) - BOUND
    knots[-1] = BOUND
    return knots


def of_nflows(number, parameters, *, inverse):
    """Value and log-slope of one number, as in nflows' `rational_quadratic.py`.

    Its slopes are `1e-3 + softplus`; ours have a constant inside, which makes zeros the
    identity.
    """
    if not -BOUND <= number <= BOUND:
        return number, 0.0
    widths, heights, slopes = np.split(parameters, [BINS, 2 * BINS])
    slopes = 1e-3 + np.log1p(np.exp(slopes + np.log(np.exp(1.0 - 1e-3) - 1.0)))
    x, y = knots_of_nflows(widths), knots_of_nflows(heights)
    slopes = np.concatenate([[1.0], slopes, [1.0]])
    k = np.clip(np.searchsorted(y if inverse else x, number, "right") - 1, 0, BINS - 1)
    width, height = x[k + 1] - x[k], y[k + 1] - y[k]
    low, high = slopes[k], slopes[k + 1]
    delta = height / width
    both = low + high - 2.0 * delta
    if inverse:
        a = (number - y[k]) * both + height * (delta - low)
        b = height * low - (number - y[k]) * both
        c = -delta * (number - y[k])
        theta = 2.0 * c / (-b - np.sqrt(b**2 - 4.0 * a * c))
        value = theta * width + x[k]
    else:
        theta = (number - x[k]) / width
    between = theta * (1.0 - theta)
    denominator = delta + both * between
    if not inverse:
        value = y[k] + height * (delta * theta**2 + low * between) / denominator
    slope = high * theta**2 + 2.0 * delta * between + low * (1.0 - theta) ** 2
    log_slope = np.log(delta**2 * slope) - 2.0 * np.log(denominator)
    return value, -log_slope if inverse else log_slope


@pytest.mark.parametrize("inverse", [False, True])
def test_values_and_slopes_are_those_of_nflows(inverse):
    numbers, parameters = drawn()
    made = spline(parameters)
    both = made.inverse_and_log_slope if inverse else made.forward_and_log_slope
    expected = [
        of_nflows(*pair, inverse=inverse)
        for pair in zip(numbers, parameters, strict=True)
    ]
    found = np.transpose(both(tf.constant(numbers)))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_values_and_slopes_are_those_of_tfp():
    numbers, parameters = drawn()
    ours, x = spline(parameters), tf.constant(numbers)
    theirs = tfp.bijectors.RationalQuadraticSpline(
        ours.bin_widths, ours.bin_heights, ours.knot_slopes, range_min=-BOUND
    )
    for found in (ours.forward_and_log_slope(x)[0], ours.forward(x)):
        np.testing.assert_allclose(found, theirs.forward(x), atol=1e-9)
    for found in (ours.inverse_and_log_slope(x)[0], ours.inverse(x)):
        np.testing.assert_allclose(found, theirs.inverse(x), atol=1e-9)
    for found in (
        ours.forward_and_log_slope(x)[1],
        ours.forward_log_det_jacobian(x, event_ndims=0),
    ):
        expected = theirs.forward_log_det_jacobian(x, event_ndims=0)
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_the_inverse_goes_back():
    numbers, parameters = drawn(scale=5.0)
    y, log_slope = spline(parameters).forward_and_log_slope(tf.constant(numbers))
    x, back = spline(parameters).inverse_and_log_slope(y)
    np.testing.assert_allclose(x, numbers, atol=1e-6)
    np.testing.assert_allclose(back, -log_slope, atol=1e-5)


def test_zeros_are_the_identity():
    numbers, parameters = drawn()
    made = spline(np.zeros_like(parameters))
    for both in (made.forward_and_log_slope, made.inverse_and_log_slope):
        value, log_slope = both(tf.constant(numbers))
        np.testing.assert_allclose(value, numbers, atol=1e-12)
        np.testing.assert_allclose(log_slope, 0.0, atol=1e-12)


@pytest.mark.parametrize("edge", [-BOUND, BOUND])
def test_the_map_is_continuous_with_slope_1_at_the_bounds(edge):
    _, parameters = drawn(50)
    step = 1e-7
    around = tf.constant([edge - step, edge, edge + step], tf.float64)
    # One spline a row, the same for its three numbers.
    made = spline(parameters[:, None])
    for both in (made.forward_and_log_slope, made.inverse_and_log_slope):
        value, log_slope = both(tf.broadcast_to(around, [50, 3]))
        np.testing.assert_allclose(value[:, 1], edge, atol=1e-15)
        np.testing.assert_allclose(np.diff(value) / step, 1.0, atol=1e-3)
        np.testing.assert_allclose(log_slope, 0.0, atol=1e-3)


def exact_at(parameters, numbers, name):
    """Log-slopes in float64."""
    return getattr(spline(parameters), name)(tf.constant(numbers))[1].numpy()


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_errors_in_float32_are_those_of_rounding_its_argument(scale):
    """Also where bins and slopes are as small as they get: with 40, most of them are.

    TFP's own log-slopes towards x are wrong by up to 6 nats there.
    """
    numbers, parameters = drawn(20_000, scale=scale)
    ulp = np.finfo(np.float32).eps * BOUND
    for name in ("forward_and_log_slope", "inverse_and_log_slope"):
        (value, log_slope), (exact, exact_slope) = (
            getattr(spline(parameters, dtype), name)(tf.constant(numbers, dtype))
            for dtype in ("float32", "float64")
        )
        # A rounded argument, and rounded knots, are as if moved by a few ulp.
        allowed = 32.0 * ulp * np.maximum(1.0, np.exp(exact_slope))
        assert np.all(np.abs(value - np.float64(exact)) < allowed)
        # Inside the narrowest bin a slope may change by a factor of 1000.
        changes = [
            np.abs(exact_at(parameters, numbers + step, name) - exact_slope.numpy())
            for step in (-32.0 * ulp, 32.0 * ulp)
        ]
        error = np.abs(np.float64(log_slope) - exact_slope.numpy())
        assert np.all(error < 0.01 + np.max(changes, axis=0))
    least = rational_quadratic.LEAST_SIZE * 2.0 * BOUND
    narrowest = np.min(spline(parameters).bin_widths)
    assert narrowest < (1.001 if scale == 40.0 else 10.0) * least


@pytest.mark.parametrize("name", ["forward_and_log_slope", "inverse_and_log_slope"])
def test_gradients_are_finite_everywhere(name):
    _, parameters = drawn(9, scale=40.0)
    numbers = [-1e30, -BOUND, -1e-30, 0.0, 1e-30, BOUND, 2.0 * BOUND, 1e10, 1e30]
    x, raw = tf.constant(numbers), tf.constant(parameters, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([x, raw])
        value, log_slope = getattr(spline(raw, "float32"), name)(x)
    np.testing.assert_array_equal(value[-2:], x[-2:])
    for gradient in tape.gradient([value, log_slope], [x, raw]):
        assert np.all(np.isfinite(gradient))


def test_value_and_slope_are_found_by_one_search():
    numbers, parameters = drawn()

    def searches(name):
        traced = tf.function(lambda x: getattr(spline(parameters), name)(x))
        graph = traced.get_concrete_function(tf.constant(numbers)).graph
        return [item.type for item in graph.get_operations()].count("GreaterEqual")

    # Another compares with the bound, and a third in the inverse's root.
    assert searches("forward_and_log_slope") == 2
    assert searches("inverse_and_log_slope") == 3


@pytest.mark.parametrize(
    "wrong", [{"bins": 1}, {"bins": 1000}, {"bound": 0.0}, {"bound": float("inf")}]
)
def test_bad_options_are_refused(wrong):
    with pytest.raises(errors.InvalidValue, match=f"{next(iter(wrong))}="):
        rational_quadratic.check(**{"bins": 8, "bound": 3.0} | wrong)
