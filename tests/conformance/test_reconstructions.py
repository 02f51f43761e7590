# SPDX-License-Identifier: Apache-2.0
"""Laws of every reconstruction term: its values, its slopes, and what masks hide."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from glf_tf import catalogue, errors
from glf_tf.objectives import reconstruction
from tests import descriptors

SHAPE = (8, 8, 1)
GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.random((3, *SHAPE))
LOGITS = GENERATOR.normal(size=(3, *SHAPE))

NAMES = sorted(descriptors.RECONSTRUCTIONS)
every = pytest.mark.parametrize("name", NAMES)


def kind(name):
    spec = descriptors.RECONSTRUCTIONS[name]
    return catalogue.load("reconstruction", catalogue.name_of(spec))


PIXELWISE = [n for n in NAMES if issubclass(kind(n), reconstruction.AbstractPixelwise)]
LIKELIHOODS = [n for n in NAMES if kind(n).is_likelihood]


@functools.cache
def term(name, *, shape=SHAPE):
    return catalogue.build(
        "reconstruction",
        descriptors.RECONSTRUCTIONS[name],
        image_shape=shape,
        dtype=precision(name),
    )


def precision(name):
    """Sums over pixels in double precision; networks compute in single precision."""
    return "float64" if name in PIXELWISE else "float32"


def tensor(name, value):
    return tf.constant(value, precision(name))


def loss(name, image=IMAGE, logits=LOGITS):
    return term(name)(tensor(name, image), tensor(name, logits))


def of_pixel(name, values):
    """Returns the term of images of one pixel, and the pixel that is decoded, 0.6."""
    logit = np.log(0.6 / 0.4)
    image = tf.constant(np.reshape(values, (-1, 1, 1, 1)), tf.float64)
    values = term(name, shape=(1, 1, 1))(image, tf.fill(tf.shape(image), logit))
    return np.asarray(values)


FORMULAS = {
    "squared_error": lambda x, p: (x - p) ** 2,
    "bernoulli": lambda x, p: -x * np.log(p) - (1 - x) * np.log(1 - p),
    "gaussian": lambda x, p: -stats.norm.logpdf(x, p, np.sqrt(0.1)),
    "learned_gaussian": lambda x, p: -stats.norm.logpdf(x, p, np.sqrt(0.2)),
    "signed_gaussian": lambda x, p: -stats.norm.logpdf(2 * x - 1, 2 * p - 1, 0.4),
}
"""Losses of a pixel x about a decoded pixel p; `perceptual` compares features."""


def test_every_sum_over_pixels_has_a_formula():
    assert set(FORMULAS) == set(PIXELWISE)


@every
def test_a_loss_is_a_number_for_each_image(name):
    values = loss(name)
    assert values.shape == (3,)
    assert values.dtype == precision(name)
    assert np.all(np.isfinite(values))


@pytest.mark.parametrize("name", PIXELWISE)
def test_single_precision_agrees_with_double(name):
    made = catalogue.build(
        "reconstruction", descriptors.RECONSTRUCTIONS[name], image_shape=SHAPE
    )
    found = made(tf.constant(IMAGE, tf.float32), tf.constant(LOGITS, tf.float32))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, loss(name), rtol=1e-5)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_sum_over_pixels_agrees_with_numpy(name):
    expected = FORMULAS[name](IMAGE, 1 / (1 + np.exp(-LOGITS))).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(loss(name), expected, rtol=1e-6)


@every
def test_gradients_agree_with_finite_differences(name):
    """Those of logits, and of images where no network sees them, along a direction."""
    direction = np.random.default_rng(1).normal(size=IMAGE.shape)
    # L1 distances have kinks, and single precision 7 digits.
    step, tolerance = (1e-5, 1e-6) if name in PIXELWISE else (1e-3, 2e-2)
    # Rounding of a loss of about 50, which the step divides.
    atol = 0.0 if name in PIXELWISE else 4e-3
    image, logits = tensor(name, IMAGE), tensor(name, LOGITS)
    with tf.GradientTape() as tape:
        tape.watch([image, logits])
        value = term(name)(image, logits)
    slopes = tape.gradient(value, [image, logits])
    moved = [loss(name, logits=LOGITS + by * direction) for by in (step, -step)]
    check_slope(slopes[1], direction, moved, step=step, rtol=tolerance, atol=atol)
    if name in PIXELWISE:
        moved = [loss(name, image=IMAGE + by * direction) for by in (step, -step)]
        check_slope(slopes[0], direction, moved, step=step, rtol=tolerance)


def check_slope(gradient, direction, moved, *, step, rtol, atol=0.0):
    found = np.sum(np.asarray(gradient) * direction, axis=(1, 2, 3))
    expected = np.asarray(moved[0] - moved[1]) / (2.0 * step)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


@every
def test_a_row_depends_on_its_own_image_alone(name):
    image, logits = IMAGE.copy(), LOGITS.copy()
    image[1:], logits[1:] = 0.1, 3.0
    changed = loss(name, image, logits)
    np.testing.assert_allclose(changed[0], loss(name)[0], rtol=1e-6)
    assert np.all(np.abs(changed[1:] - loss(name)[1:]) > 1e-3)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_likelihood_of_a_pixel_sums_to_one(name):
    """Over {0, 1} of binary pixels, else over the line, in the unit of its density."""
    if descriptors.RECONSTRUCTIONS[name]["name"] == "bernoulli":
        assert np.exp(-of_pixel(name, [0.0, 1.0])).sum() == pytest.approx(1.0)
        return
    line = np.linspace(-6.0, 7.0, 20_001)
    # A density of pixels in [-1, 1] is half as high over [0, 1].
    unit = 2.0 if name == "signed_gaussian" else 1.0
    total = np.exp(-of_pixel(name, line)).sum() * (line[1] - line[0]) * unit
    assert total == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", PIXELWISE)
def test_visible_and_hidden_pixels_make_the_whole(name):
    made, image, logits = term(name), tf.constant(IMAGE), tf.constant(LOGITS)
    np.testing.assert_allclose(
        made.of_visible(image, logits, tf.ones(IMAGE.shape)), loss(name), rtol=1e-9
    )
    mask = np.random.default_rng(2).integers(0, 2, IMAGE.shape)
    parts = [made.of_visible(image, logits, part) for part in (mask, 1 - mask)]
    np.testing.assert_allclose(parts[0] + parts[1], loss(name), rtol=1e-9)
    changed = tf.constant(np.where(mask, IMAGE, 0.7))
    np.testing.assert_allclose(
        made.of_visible(changed, logits, mask), parts[0], rtol=1e-9
    )


@every
def test_without_a_mask_all_is_visible(name):
    found = term(name).of_visible(tensor(name, IMAGE), tensor(name, LOGITS))
    np.testing.assert_array_equal(found, loss(name))


@pytest.mark.parametrize("name", [n for n in NAMES if n not in PIXELWISE])
def test_a_loss_that_is_no_sum_over_pixels_refuses_a_mask(name):
    with pytest.raises(errors.Unsupported, match="sum over pixels"):
        term(name).of_visible(IMAGE, LOGITS, np.ones(IMAGE.shape))
