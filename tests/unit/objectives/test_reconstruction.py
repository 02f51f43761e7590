# SPDX-License-Identifier: Apache-2.0
"""Reconstruction terms against NumPy and SciPy."""

import numpy as np
import pytest
from scipy import stats

from glf_tf import catalogue, errors

SHAPE = (4, 4, 2)
GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.random((3, *SHAPE)).astype(np.float32)
LOGITS = GENERATOR.normal(size=(3, *SHAPE)).astype(np.float32)
PIXELS = 1.0 / (1.0 + np.exp(-LOGITS))


def make(name, **options):
    return catalogue.build(
        "reconstruction", {"name": name, **options}, image_shape=SHAPE
    )


def summed(values):
    return values.reshape(3, -1).sum(axis=1)


def test_squared_error_sums_over_pixels():
    found = make("squared_error")(IMAGE, LOGITS)
    np.testing.assert_allclose(found, summed((IMAGE - PIXELS) ** 2), rtol=1e-5)


def test_bernoulli_is_cross_entropy_in_nats():
    entropy = -IMAGE * np.log(PIXELS) - (1 - IMAGE) * np.log(1 - PIXELS)
    found = make("bernoulli")(IMAGE, LOGITS)
    np.testing.assert_allclose(found, summed(entropy), rtol=1e-5)


def test_bernoulli_stays_finite_at_extreme_logits():
    assert np.isfinite(make("bernoulli")(IMAGE, 1e4 * np.sign(LOGITS))).all()


@pytest.mark.parametrize("learned", [False, True])
def test_gaussian_is_a_density_in_nats(learned):
    term = make("gaussian", variance=0.04, learned=learned)
    density = stats.norm.logpdf(IMAGE, loc=PIXELS, scale=0.2)
    np.testing.assert_allclose(term(IMAGE, LOGITS), -summed(density), rtol=1e-5)
    assert len(term.trainable_variables) == learned


def test_squared_error_is_a_gaussian_but_for_a_constant():
    gaps = make("gaussian")(IMAGE, LOGITS) - make("squared_error")(IMAGE, LOGITS)
    np.testing.assert_allclose(gaps, 0.5 * np.log(np.pi) * np.prod(SHAPE), rtol=1e-5)


@pytest.mark.parametrize("variance", [0.0, -1.0, float("nan"), float("inf")])
def test_variance_must_be_positive(variance):
    with pytest.raises(errors.InvalidValue, match="variance"):
        make("gaussian", variance=variance)


def test_signed_gaussian_is_a_density_of_pixels_in_minus_one_to_one():
    density = stats.norm.logpdf(2 * IMAGE - 1, loc=np.tanh(LOGITS / 2), scale=0.3)
    found = make("signed_gaussian", sigma=0.3)(IMAGE, LOGITS)
    np.testing.assert_allclose(found, -summed(density), rtol=1e-5)
    unit = np.log(2.0) * np.prod(SHAPE)
    other = make("gaussian", variance=0.3**2 / 4)(IMAGE, LOGITS)
    np.testing.assert_allclose(found, other + unit, rtol=1e-4)


@pytest.mark.parametrize("sigma", [0.0, -0.3, float("nan"), float("inf")])
def test_sigma_must_be_positive(sigma):
    with pytest.raises(errors.InvalidValue, match="sigma"):
        make("signed_gaussian", sigma=sigma)


@pytest.mark.parametrize(
    "name", ["squared_error", "bernoulli", "gaussian", "signed_gaussian"]
)
def test_hidden_pixels_do_not_count(name):
    """One mask for all channels; what is hidden may be anything."""
    term, mask = make(name), GENERATOR.integers(0, 2, (3, 4, 4, 1))
    changed = np.where(mask, IMAGE, 0.7).astype(np.float32)
    found = term.of_visible(changed, LOGITS, mask)
    np.testing.assert_allclose(found, term.of_visible(IMAGE, LOGITS, mask), rtol=1e-6)
    hidden = term.of_visible(IMAGE, LOGITS, 1 - mask)
    np.testing.assert_allclose(found + hidden, term(IMAGE, LOGITS), rtol=1e-5)
    np.testing.assert_array_equal(term.of_visible(IMAGE, LOGITS), term(IMAGE, LOGITS))


def test_a_loss_of_features_has_no_hidden_pixels():
    shape = (16, 16, 1)
    term = catalogue.build(
        "reconstruction",
        {"name": "perceptual", "weights": "random", "levels": 1},
        image_shape=shape,
    )
    image = np.zeros((2, *shape), np.float32)
    with pytest.raises(errors.Unsupported, match="Perceptual"):
        term.of_visible(image, image, np.ones((2, 16, 16, 1)))
