# SPDX-License-Identifier: Apache-2.0
"""Glow on images against one in NumPy, written from the paper and its release alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from glf_tf.bijectors import linear
from glf_tf.flows import glow
from tests import descriptors

SHAPE = (4, 8, 3)


def convolved(x, weights, name):
    """A convolution with a channel more, which is one in the padding."""
    kernel = weights.get(f"{name}/kernel", np.zeros([3, 3, 0, 0]))
    margin = len(kernel) // 2
    around = [(0, 0), (margin, margin), (margin, margin), (0, 0)]
    padded = np.pad(x, around)
    if margin:
        edge = weights[f"{name}/edge"]
        kernel = np.concatenate([kernel.reshape(3, 3, -1, edge.shape[-1]), edge], 2)
        outside = np.pad(np.zeros([*x.shape[:3], 1]), around, constant_values=1.0)
        padded = np.concatenate([padded, outside], axis=3)
    _, height, width, _ = x.shape
    return sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(len(kernel))
        for j in range(len(kernel))
    )


def normalized(x, weights, name):
    """ActNorm, whose learned logarithm is multiplied by three."""
    return (x + weights[f"{name}/shift"]) * np.exp(3 * weights[f"{name}/log_scale"])


def zero_convolved(x, weights, name):
    """The last convolution, which starts at zero; shift and scale, a half each."""
    outputs = convolved(x, weights, name) + weights[f"{name}/bias"]
    return np.split(outputs * np.exp(3 * weights[f"{name}/log_factor"]), 2, axis=3)


def coupled(x, weights, name):
    first, second = np.split(x, 2, axis=3)
    h = first
    for layer in ("hidden_0", "hidden_1"):
        layer = f"{name}/network/{layer}"
        h = np.maximum(normalized(convolved(h, weights, layer), weights, layer), 0)
    shift, raw = zero_convolved(h, weights, f"{name}/network/output")
    scale = 0.001 + 0.999 / (1 + np.exp(-(raw + 2)))
    second = (second + shift) * scale
    return np.concatenate([first, second], axis=3), np.log(scale).sum((1, 2, 3))


def mixed(x, weights, name):
    """The 1x1 convolution: P (L + I) (U + diag(s))."""
    factors, order = weights[f"{name}/factors"], weights[f"{name}/order"]
    matrix = np.empty_like(factors)
    matrix[order] = (np.tril(factors, -1) + np.eye(len(factors))) @ np.triu(factors)
    return x @ matrix.T, np.log(np.abs(np.linalg.det(matrix)))


def squeezed(x):
    """Channel 4 c + 2 dy + dx is colour c of the pixel in row dy and column dx."""
    parts = [x[:, dy::2, dx::2, c] for c in range(x.shape[3]) for dy, dx in SQUARE]
    return np.stack(parts, axis=3)


SQUARE = ((0, 0), (0, 1), (1, 0), (1, 1))


def log_prob(x, weights, *, levels, blocks):
    """The log-density of images, `[batch]`, and the noise of each level."""
    total, noise = 0.0, []
    for level in range(levels):
        x = squeezed(x)
        for block in range(blocks):
            name, pixels = f"level_{level}_block_{block}", x.shape[1] * x.shape[2]
            x = normalized(x, weights, f"{name}_actnorm")
            total += 3 * weights[f"{name}_actnorm/log_scale"].sum() * pixels
            x, log_det = mixed(x, weights, f"{name}_linear")
            total += log_det * pixels
            x, log_det = coupled(x, weights, f"{name}_coupling")
            total += log_det
        kept = x.shape[3] // 2 if level < levels - 1 else 0
        x, z = x[..., :kept], x[..., kept:]
        name = f"level_{level}_factor_out/network"
        mean, raw = zero_convolved(x, weights, name)
        log_deviation = 5 * np.tanh(raw / 5)
        eps = (z - mean) / np.exp(log_deviation)
        normal = -0.5 * eps**2 - 0.5 * np.log(2 * np.pi) - log_deviation
        total += normal.sum((1, 2, 3))
        noise.append(eps.reshape(len(z), -1))
    return total, np.concatenate(noise, axis=1)


@pytest.mark.parametrize("levels", [1, 2])
def test_glow_has_the_density_and_noise_of_one_in_numpy(levels):
    flow = glow.Glow(
        SHAPE, levels=levels, blocks=2, hidden=5, scale="sigmoid", dtype="float64"
    )
    descriptors.perturb(flow, scale=0.1)
    weights = {v.path.partition("/")[2]: np.array(v) for v in flow.variables}
    x = np.random.default_rng(1).uniform(-0.5, 0.5, (3, *SHAPE))
    expected, noise = log_prob(x, weights, levels=levels, blocks=2)
    bijector = flow.bijector()
    eps = bijector.inverse(tf.constant(x))
    log_det = bijector.inverse_log_det_jacobian(tf.constant(x), event_ndims=3)
    np.testing.assert_allclose(eps, noise, atol=1e-9)
    normal = np.sum(-0.5 * noise**2 - 0.5 * np.log(2 * np.pi), axis=1)
    np.testing.assert_allclose(log_det + normal, expected, rtol=1e-9)


OTHER = {
    "levels": 1,
    "blocks": 2,
    "hidden": 4,
    "scale": "sigmoid",
    "linear": "plain",
    "learned_prior": False,
    "order": "checkerboard",
    "rotation_seed": 1,
    "recompute": True,
}
"""Another value of each option."""


def small(**options):
    keras.utils.set_random_seed(0)
    made = glow.Glow(SHAPE, **{"blocks": 1, "hidden": 3} | options)
    descriptors.perturb(made, scale=0.1)
    return made


@pytest.mark.parametrize(
    "option",
    [name for name in catalogue.options("flow", "glow") if name != "recompute"],
)
def test_every_option_counts(option):
    one, other = small(), small(**{option: OTHER[option]})
    x = tf.random.stateless_uniform([2, *SHAPE], (0, 0))
    assert np.abs(one(x) - other(x)).max() > 1e-2


def test_blocks_start_with_other_rotations():
    flow = glow.Glow(SHAPE, blocks=2, hidden=3, linear="plain", rotation_seed=4)
    steps = [layer for layer in flow.steps if isinstance(layer, linear.Linear)]
    matrices = [np.array(layer.matrix) for layer in steps]
    assert [len(matrix) for matrix in matrices] == [12, 12, 24, 24]
    for number, matrix in enumerate(matrices):
        expected = linear.rotation(len(matrix), seed=4 + number)
        np.testing.assert_allclose(matrix, expected, atol=1e-6)


def test_recomputing_takes_more_operations_to_the_same_gradients():
    kept, computed = (
        small(recompute=recompute, levels=1) for recompute in (False, True)
    )
    x = tf.random.stateless_uniform([2, *SHAPE], (0, 0))

    def gradients(flow):
        def function(x):
            with tf.GradientTape() as tape:
                bijector = flow.bijector()
                eps = bijector.inverse(x)
                log_det = bijector.inverse_log_det_jacobian(x, event_ndims=3)
                loss = tf.reduce_mean(eps**2) - tf.reduce_mean(log_det)
            return tape.gradient(loss, [v.value for v in flow.trainable_variables])

        traced = tf.function(function).get_concrete_function(x)
        return traced(x), len(traced.graph.get_operations())

    (one, fewer), (other, more) = gradients(kept), gradients(computed)
    assert more > fewer
    for gradient, same in zip(one, other, strict=True):
        np.testing.assert_allclose(gradient, same, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"levels": 3}, "levels=3 for 4 x 8 pixels. Use levels=2"),
        ({"levels": 0}, "levels=0"),
        ({"blocks": 0}, "blocks=0"),
        ({"hidden": 0}, "hidden=0"),
        ({"scale": "softplus"}, "sigmoid"),
        ({"linear": "qr"}, "plain"),
        ({"order": "color"}, "colour"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(options, word):
    with pytest.raises(errors.UserError, match=word) as caught:
        glow.Glow(SHAPE, **options)
    assert "\n" not in str(caught.value)
    assert all([caught.value.rule, caught.value.received, caught.value.do])
