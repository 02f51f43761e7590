# SPDX-License-Identifier: Apache-2.0
"""Flow steps on images: orders, masks, starts and refusals."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.bijectors import (
    actnorm,
    dequantization,
    factor_out,
    image_coupling,
    linear,
    squeeze,
)
from glf_tf.bijectors import preprocessing as preprocessing_lib
from glf_tf.devices import strategies
from glf_tf.flows import glow
from tests import descriptors

NETWORK = {"name": "glow", "hidden": 3}


def squares():
    """An image of one square of 10 * (2 * row + column) + colour."""
    rows, columns, colours = np.indices((2, 2, 2))
    return tf.constant(10.0 * (2 * rows + columns) + colours, tf.float32)[None]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("colour", [0, 10, 20, 30, 1, 11, 21, 31]),
        ("position", [0, 1, 10, 11, 20, 21, 30, 31]),
        ("checkerboard", [0, 1, 30, 31, 10, 11, 20, 21]),
    ],
)
def test_squeezed_channels_have_the_published_orders(order, expected):
    step = squeeze.Squeeze((2, 2, 2), order=order)
    assert step.bijector().inverse(squares())[0, 0, 0].numpy().tolist() == expected


ORDERS = {
    "colour": lambda dy, dx, colour: 4 * colour + 2 * dy + dx,
    "position": lambda dy, dx, colour: 3 * (2 * dy + dx) + colour,
    # Top left, bottom right, top right, bottom left: the even pixels first.
    "checkerboard": lambda dy, dx, colour: 3 * [0, 2, 3, 1][2 * dy + dx] + colour,
}


@pytest.mark.parametrize("order", ORDERS)
def test_every_pixel_is_squeezed_to_its_place(order):
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3))
    bijector = squeeze.Squeeze((4, 6, 3), order=order, dtype="float64").bijector()
    eps = bijector.inverse(tf.constant(x)).numpy()
    assert eps.shape == (2, 2, 3, 12)
    for row, column, colour in np.ndindex(4, 6, 3):
        channel = ORDERS[order](row % 2, column % 2, colour)
        found = eps[:, row // 2, column // 2, channel]
        np.testing.assert_array_equal(found, x[:, row, column, colour])
    if order == "position":
        np.testing.assert_array_equal(eps, tf.nn.space_to_depth(x, 2))


@pytest.mark.parametrize(("transforms", "parity"), [("first", 0), ("second", 1)])
def test_a_checkerboard_keeps_the_other_parity_and_depends_on_it_alone(
    transforms, parity
):
    step = image_coupling.ImageCoupling(
        (4, 4, 1), network=NETWORK, masking="checkerboard", transforms=transforms
    )
    for variable in step.trainable_variables:
        variable.assign(tf.random.stateless_normal(variable.shape, (0, 1)))
    is_transformed = np.indices((4, 4)).sum(axis=0) % 2 == parity
    x = tf.random.stateless_normal([1, 4, 4, 1], (0, 0))
    with tf.GradientTape() as tape:
        tape.watch(x)
        eps = step.bijector().inverse(x)
    jacobian = tape.batch_jacobian(eps, x)[0, :, :, 0, :, :, 0].numpy()
    kept = eps[0, :, :, 0].numpy()[~is_transformed]
    np.testing.assert_array_equal(kept, x[0, :, :, 0].numpy()[~is_transformed])
    # A transformed pixel depends on itself, and on no other that is transformed.
    among = jacobian[is_transformed][:, is_transformed]
    np.testing.assert_array_equal(among, np.diag(np.diagonal(among)))
    assert np.abs(jacobian[is_transformed][:, ~is_transformed]).max() > 0


U, R = 1.7, 0.6
LOG_SCALES = {
    "tanh": 2 * np.tanh(U / 2),
    "stretched_tanh": np.exp(R) * np.tanh(U / np.exp(R)),
    "rescaled_tanh": R * np.tanh(U),
    "sigmoid": np.log(0.001 + 0.999 / (1 + np.exp(-(U + 2)))),
    "exp": U,
    "none": 0.0,
}
"""The log-scale of the network's output U, with R learned."""


@pytest.mark.parametrize("scale", LOG_SCALES)
def test_couplings_have_the_log_scales_of_their_papers(scale):
    step = image_coupling.ImageCoupling(
        (2, 2, 2), network=NETWORK, scale=scale, dtype="float64"
    )
    # All other weights of the last convolution start at zero.
    step.network.output_conv.bias.assign([0.3] if scale == "none" else [0.3, U])
    if step.rescale is not None:
        step.rescale.assign([R])
    x = np.random.default_rng(0).normal(size=(3, 2, 2, 2))
    bijector, log_scale = step.bijector(), LOG_SCALES[scale]
    eps = bijector.inverse(tf.constant(x)).numpy()
    np.testing.assert_array_equal(eps[..., 0], x[..., 0])
    expected = (x[..., 1] + 0.3) * np.exp(log_scale)
    np.testing.assert_allclose(eps[..., 1], expected, rtol=1e-6)
    log_det = bijector.inverse_log_det_jacobian(tf.constant(x), event_ndims=3)
    np.testing.assert_allclose(log_det, np.full(3, 4 * log_scale), rtol=1e-6)


def test_the_determinant_of_a_1x1_convolution_counts_every_pixel():
    step = linear.Linear((3, 5, 4), seed=1)
    factors = np.array(step.factors)
    factors[np.diag_indices(4)] *= 2.0
    step.factors.assign(factors)
    log_det = step.bijector().inverse_log_det_jacobian(
        tf.ones([1, 3, 5, 4]), event_ndims=3
    )
    np.testing.assert_allclose(log_det, 15 * 4 * np.log(2.0), rtol=1e-5)


def test_a_plain_1x1_convolution_multiplies_by_its_matrix_alone():
    step = linear.Linear((3, 5, 4), parameters="plain", seed=1, dtype="float64")
    assert [variable.name for variable in step.variables] == ["matrix"]
    both = step.bijector(), linear.Linear((3, 5, 4), seed=1, dtype="float64").bijector()
    x = tf.random.stateless_normal([2, 3, 5, 4], (0, 0), dtype=tf.float64)
    np.testing.assert_allclose(*(each.inverse(x) for each in both), atol=1e-12)
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    step.matrix.assign(matrix)
    bijector = step.bijector()
    np.testing.assert_allclose(bijector.inverse(x), x.numpy() @ matrix.T, atol=1e-12)
    log_det = bijector.inverse_log_det_jacobian(x, event_ndims=3)
    np.testing.assert_allclose(log_det, 15 * np.linalg.slogdet(matrix)[1], rtol=1e-12)


@pytest.mark.parametrize("shape", [(5,), (4, 4, 3)])
def test_actnorm_starts_with_noise_of_mean_zero_and_size_one(shape):
    step = actnorm.ActNorm(shape)
    x = 3.0 + 2.0 * tf.random.stateless_normal([64, *shape], (0, 0))
    eps = step.start(x).numpy().reshape(-1, shape[-1])
    np.testing.assert_allclose(eps.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose((eps**2).mean(axis=0), 1.0, atol=1e-4)


def test_actnorm_starts_by_the_equations_of_its_release():
    x = np.random.default_rng(0).normal(size=(8, 2, 4, 3)) * [0.1, 5.0, 0.0] + 2.0
    step = actnorm.ActNorm((2, 4, 3), dtype="float64")
    step.start(tf.constant(x))
    mean = x.mean(axis=(0, 1, 2))
    size = np.sqrt(((x - mean) ** 2).mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(step.shift, -mean, rtol=1e-12)
    expected = np.log(1.0 / (size + 1e-6)) / 3.0
    np.testing.assert_allclose(step.log_scale, expected, rtol=1e-9)


def test_the_network_of_a_coupling_starts_by_the_half_that_is_kept():
    step = image_coupling.ImageCoupling((4, 4, 4), network=NETWORK)
    x = 3.0 + 2.0 * tf.random.stateless_normal([32, 4, 4, 4], (0, 0))
    step.start(x)
    hidden = step.network.hidden_0
    scale = tf.exp(3.0 * hidden.log_scale)
    found = hidden.convolved(x[..., :2], scale=scale, shift=hidden.shift).numpy()
    np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), np.zeros(3), atol=1e-4)
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), np.ones(3), atol=1e-3)


def test_a_flow_starts_once_whatever_comes_after():
    flow = glow.Glow((4, 4, 1), blocks=1, hidden=3)
    x = tf.random.stateless_normal([8, 4, 4, 1], (0, 0))
    flow.start(x)
    assert flow.is_started.numpy()
    before = [np.array(variable) for variable in flow.variables]
    flow.start(5.0 * x)
    for value, variable in zip(before, flow.variables, strict=True):
        np.testing.assert_array_equal(value, variable)


def test_a_flow_starts_the_same_on_two_devices():
    x = tf.random.stateless_normal([8, 4, 4, 1], (0, 0))
    found = []
    for name in ("one_device", "mirrored"):
        with strategies.strategy(name).scope():
            flow = glow.Glow((4, 4, 1), blocks=1, hidden=3)
            for variable in flow.trainable_variables:
                variable.assign(tf.random.stateless_normal(variable.shape, (0, 2)))
            flow.start(x)
        found.append([np.array(variable) for variable in flow.variables])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_factored_out_has_the_density_that_is_learned():
    layer = factor_out.FactorOut((2, 2, 4), kept=1)
    for variable in layer.trainable_variables:
        variable.assign(0.1 * tf.random.stateless_normal(variable.shape, (0, 3)))
    x = tf.random.stateless_normal([3, 2, 2, 4], (0, 4))
    kept, eps, log_det = layer.towards_noise(x)
    again, back = layer.towards_data(kept, tf.identity(eps))
    np.testing.assert_allclose(again, x, atol=1e-6)
    np.testing.assert_allclose(back, -log_det, atol=1e-5)


def test_what_is_factored_out_without_learning_is_its_own_noise():
    layer = factor_out.FactorOut((2, 2, 4), kept=1, is_learned=False)
    x = tf.random.stateless_normal([3, 2, 2, 4], (0, 4))
    kept, eps, log_det = layer.towards_noise(x)
    np.testing.assert_array_equal(kept, x[..., :1])
    np.testing.assert_array_equal(eps, tf.reshape(x[..., 1:], [3, 12]))
    np.testing.assert_array_equal(log_det, np.zeros(3))


def test_variational_noise_has_the_density_of_its_map(monkeypatch):
    layer = dequantization.Variational((2, 2, 1), couplings=3, hidden=3)
    descriptors.perturb(layer, scale=0.1)
    image, uniform = (
        tf.random.stateless_uniform([2, 2, 2, 1], (0, seed)) for seed in range(2)
    )
    monkeypatch.setattr(
        dequantization.Uniform, "draw", lambda self, image, *, seed: (uniform, None)
    )
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(uniform)
        noise, log_prob = layer.draw(image, seed=0)
    jacobian = tape.batch_jacobian(noise, uniform, experimental_use_pfor=False)
    jacobian = np.reshape(jacobian, [2, 4, 4])
    np.testing.assert_allclose(log_prob, -np.linalg.slogdet(jacobian)[1], atol=1e-4)
    assert np.abs(noise - layer.draw(image[::-1], seed=0)[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: glow.Glow((28, 28, 1), levels=3), "levels=2"),
        (lambda: glow.Glow((7, 8, 1), levels=1), "even height and width"),
        (lambda: glow.Glow((8, 8)), "3 whole numbers"),
        (lambda: glow.Glow((8, 8, 1), levels=0), "levels"),
        (lambda: squeeze.Squeeze((7, 8, 1)), "7 x 8"),
        (lambda: squeeze.Squeeze((8, 7, 1)), "8 x 7"),
        (
            lambda: image_coupling.ImageCoupling((4, 4, 1), network=NETWORK),
            "at least two",
        ),
        (
            lambda: image_coupling.ImageCoupling((4, 4, 2), network={"name": "glw"}),
            "glow",
        ),
        (lambda: preprocessing_lib.Logit((4, 4, 1), alpha=0.5), "alpha=0.5"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(make, word):
    with pytest.raises(errors.InvalidValue, match=word) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert all([caught.value.rule, caught.value.received, caught.value.do])
