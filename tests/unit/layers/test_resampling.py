# SPDX-License-Identifier: Apache-2.0
"""Images of twice and half the side, against convolutions with the released kernel."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.layers import resampling

LINE = np.convolve([1.0, 2.0, 1.0], [1.0, 1.0])
KERNEL = (np.outer(LINE, LINE) / np.sum(LINE) ** 2).astype(np.float32)
"""The filter of the released code, as it is applied with a stride of 2."""

SHAPES = [(2, 3), (4, 4), (7, 7), (1, 2)]


def images(height, width):
    shape = (2, height, width, 3)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_doubled_is_the_transposed_convolution(height, width):
    x = images(height, width)
    kernel = 4.0 * KERNEL[:, :, None, None] * np.eye(3, dtype=np.float32)
    expected = tf.nn.conv2d_transpose(
        x, kernel, (2, 2 * height, 2 * width, 3), strides=2, padding="SAME"
    )
    layer = resampling.Doubled()
    np.testing.assert_allclose(layer(x), expected, atol=1e-6)
    assert layer.compute_output_shape(x.shape) == expected.shape


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_halved_is_the_strided_convolution(height, width):
    x = images(2 * height, 2 * width)
    kernel = KERNEL[:, :, None, None] * np.eye(3, dtype=np.float32)
    expected = tf.nn.conv2d(x, kernel, strides=2, padding="SAME")
    layer = resampling.Halved()
    np.testing.assert_allclose(layer(x), expected, atol=1e-6)
    assert layer.compute_output_shape(x.shape) == expected.shape


def test_constants_stay_away_from_the_border():
    ones = np.ones((1, 8, 8, 1), np.float32)
    for layer in (resampling.Doubled(), resampling.Halved()):
        inside = np.asarray(layer(ones))[:, 1:-1, 1:-1]
        np.testing.assert_allclose(inside, 1.0, atol=1e-6)
