# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.images: kind, shape and range are looked at."""

import numpy as np
import pytest

from glf_tf.metrics import images


def test_uint8_and_floats_mean_the_same_images():
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    np.testing.assert_array_equal(
        images.to_unit(pixels), images.to_unit(pixels.astype(np.float64) / 255)
    )


def test_rounding_is_to_nearest_and_undoes_division():
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    np.testing.assert_array_equal(images.round_to_uint8(images.to_unit(pixels)), pixels)
    np.testing.assert_array_equal(images.round_to_uint8(pixels), pixels)
    assert images.round_to_uint8(np.full([1, 1, 1, 1], 0.499 / 255)).item() == 0
    assert images.round_to_uint8(np.full([1, 1, 1, 1], 0.501 / 255)).item() == 1


def test_batches_cover_all_images_in_order():
    pixels = np.random.default_rng(0).random([10, 2, 2, 1])
    pieces = list(images.batches(pixels, size=4))
    assert [len(piece) for piece in pieces] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(pieces), pixels.astype(np.float32))


def test_a_little_rounding_outside_of_the_range_is_clipped():
    pixels = np.array([-1e-7, 1 + 1e-7]).reshape(2, 1, 1, 1)
    np.testing.assert_array_equal(images.to_unit(pixels).ravel(), [0, 1])


@pytest.mark.parametrize("value", [-0.5, 1.5, 255.0, np.nan, np.inf])
def test_values_outside_of_the_range_are_refused(value):
    pixels = np.full([3, 2, 2, 1], 0.5)
    pixels[1, 0, 1, 0] = value
    with pytest.raises(ValueError, match=r"finite floats in \[0, 1\]"):
        images.to_unit(pixels)


@pytest.mark.parametrize("shape", [(3, 4, 4), (4,), (0, 4, 4, 1), (2, 4, 0, 1)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="height, width, channels"):
        images.check(np.zeros(shape, np.uint8))


def test_integers_other_than_uint8_are_refused():
    with pytest.raises(TypeError, match="int64"):
        images.check(np.zeros([2, 4, 4, 1], np.int64))


def test_messages_name_what_is_wrong():
    with pytest.raises(ValueError, match="reconstructions must"):
        images.check(np.zeros([2]), name="reconstructions")


def test_grey_images_are_repeated_to_three_channels():
    grey = np.random.default_rng(1).random([2, 3, 3, 1])
    colour = images.to_rgb(grey)
    assert colour.shape == (2, 3, 3, 3)
    np.testing.assert_array_equal(colour[..., 2], grey[..., 0])
    assert images.to_rgb(colour) is colour


def test_four_channels_are_refused():
    with pytest.raises(ValueError, match="alpha"):
        images.to_rgb(np.zeros([1, 2, 2, 4]))
