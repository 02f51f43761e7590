# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.data.pixels: kind, shape and range are looked at."""

import numpy as np
import pytest

from glf_tf.data import pixels


def test_uint8_and_floats_mean_the_same_images():
    images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    np.testing.assert_array_equal(
        pixels.to_unit(images), pixels.to_unit(images.astype(np.float64) / 255)
    )


def test_rounding_is_to_nearest_and_undoes_division():
    images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    np.testing.assert_array_equal(pixels.round_to_uint8(pixels.to_unit(images)), images)
    np.testing.assert_array_equal(pixels.round_to_uint8(images), images)
    assert pixels.round_to_uint8(np.full([1, 1, 1, 1], 0.499 / 255)).item() == 0
    assert pixels.round_to_uint8(np.full([1, 1, 1, 1], 0.501 / 255)).item() == 1


def test_batches_cover_all_images_in_order():
    images = np.random.default_rng(0).random([10, 2, 2, 1])
    pieces = list(pixels.batches(images, size=4))
    assert [len(piece) for piece in pieces] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(pieces), images.astype(np.float32))


def test_a_little_rounding_outside_of_the_range_is_clipped():
    images = np.array([-1e-7, 1 + 1e-7]).reshape(2, 1, 1, 1)
    np.testing.assert_array_equal(pixels.to_unit(images).ravel(), [0, 1])


@pytest.mark.parametrize("value", [-0.5, 1.5, 255.0, np.nan, np.inf])
def test_values_outside_of_the_range_are_refused(value):
    images = np.full([3, 2, 2, 1], 0.5)
    images[1, 0, 1, 0] = value
    with pytest.raises(ValueError, match=r"finite floats in \[0, 1\]"):
        pixels.to_unit(images)


@pytest.mark.parametrize("shape", [(3, 4, 4), (4,), (0, 4, 4, 1), (2, 4, 0, 1)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="height, width, channels"):
        pixels.check(np.zeros(shape, np.uint8))


def test_integers_other_than_uint8_are_refused():
    with pytest.raises(TypeError, match="int64"):
        pixels.check(np.zeros([2, 4, 4, 1], np.int64))


def test_messages_name_what_is_wrong():
    with pytest.raises(ValueError, match="reconstructions must"):
        pixels.check(np.zeros([2]), name="reconstructions")


def test_grey_images_are_repeated_to_three_channels():
    grey = np.random.default_rng(1).random([2, 3, 3, 1])
    colour = pixels.to_rgb(grey)
    assert colour.shape == (2, 3, 3, 3)
    np.testing.assert_array_equal(colour[..., 2], grey[..., 0])
    assert pixels.to_rgb(colour) is colour


def test_four_channels_are_refused():
    with pytest.raises(ValueError, match="alpha"):
        pixels.to_rgb(np.zeros([1, 2, 2, 4]))


def test_rounding_refuses_what_it_would_have_to_invent():
    for value in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"finite floats in \[0, 1\]"):
            pixels.round_to_uint8(np.full([1, 1, 1, 1], value))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rounding_undoes_division_in_every_precision(dtype):
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(pixels.rounded((levels / 255).astype(dtype)), levels)


def test_rounding_of_what_is_drawn_clips():
    np.testing.assert_array_equal(pixels.rounded([-1.0, 0.5, 2.0]), [0, 128, 255])


def test_nan_is_drawn_as_black_and_said():
    with pytest.warns(pixels.NotFiniteWarning, match="25 % of the numbers"):
        drawn = pixels.rounded([np.nan, 0.5, np.inf, -np.inf])
    np.testing.assert_array_equal(drawn, [0, 128, 255, 0])
