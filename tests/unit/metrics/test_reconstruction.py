# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.reconstruction, by hand."""

import numpy as np
import pytest

from glf_tf.metrics import reconstruction


def test_squared_error_is_stated_in_every_unit():
    images = np.zeros([2, 4, 5, 3])
    made = images.copy()
    made[0] += 0.5  # 60 values, each off by 0.5: 15 in sum.
    error = reconstruction.squared_error(images, reconstructions=made)
    assert error.per_image_unit == pytest.approx(7.5)
    assert error.per_pixel_unit == pytest.approx(0.125)
    assert error.per_image_symmetric == pytest.approx(30.0)
    assert error.per_pixel_symmetric == pytest.approx(0.5)
    assert error.standard_error == pytest.approx(7.5)
    assert error.count == 2


def test_symmetric_error_is_that_of_images_in_minus_one_to_one():
    rng = np.random.default_rng(0)
    x, y = rng.random([6, 3, 3, 1]), rng.random([6, 3, 3, 1])
    error = reconstruction.squared_error(x, reconstructions=y)
    symmetric = np.mean(((2 * x - 1) - (2 * y - 1)) ** 2)
    assert error.per_pixel_symmetric == pytest.approx(symmetric, rel=1e-6)


def test_squared_error_crosses_batches():
    x = np.random.default_rng(1).integers(0, 256, [2500, 2, 2, 1]).astype(np.uint8)
    y = np.flip(x, axis=0)
    error = reconstruction.squared_error(x, reconstructions=y)
    expected = np.mean(((x.astype(float) - y) / 255) ** 2)
    assert error.per_pixel_unit == pytest.approx(expected, rel=1e-6)


def test_one_image_has_no_standard_error():
    image = np.zeros([1, 2, 2, 1])
    error = reconstruction.squared_error(image, reconstructions=image)
    assert error.standard_error is None
    assert error.per_image_unit == 0


def test_squared_error_refuses_other_shapes():
    with pytest.raises(ValueError, match="same shape"):
        reconstruction.squared_error(
            np.zeros([2, 4, 4, 1]), reconstructions=np.zeros([2, 4, 4, 3])
        )
