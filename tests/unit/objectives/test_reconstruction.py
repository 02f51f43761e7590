# SPDX-License-Identifier: Apache-2.0
"""Reconstruction terms against NumPy."""

import numpy as np

from glf_tf.objectives import reconstruction

GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.random((3, 4, 4, 2)).astype(np.float32)
LOGITS = GENERATOR.normal(size=(3, 4, 4, 2)).astype(np.float32)
PIXELS = 1.0 / (1.0 + np.exp(-LOGITS))


def test_squared_error_sums_over_pixels():
    expected = ((IMAGE - PIXELS) ** 2).reshape(3, -1).sum(axis=1)
    np.testing.assert_allclose(
        reconstruction.squared_error(IMAGE, LOGITS), expected, rtol=1e-5
    )


def test_bernoulli_is_cross_entropy_in_nats():
    entropy = -IMAGE * np.log(PIXELS) - (1 - IMAGE) * np.log(1 - PIXELS)
    np.testing.assert_allclose(
        reconstruction.bernoulli(IMAGE, LOGITS),
        entropy.reshape(3, -1).sum(axis=1),
        rtol=1e-5,
    )


def test_bernoulli_stays_finite_at_extreme_logits():
    value = reconstruction.bernoulli(IMAGE, 1e4 * np.sign(LOGITS))
    assert np.isfinite(value).all()
