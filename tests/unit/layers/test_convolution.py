# SPDX-License-Identifier: Apache-2.0
"""Convolutions as matrix products: TensorFlow's own, and their gradients."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.layers import convolution


@pytest.mark.parametrize(("size", "outputs"), [(1, 9), (3, 2), (3, 9), (5, 1)])
def test_values_and_gradients_are_those_of_tensorflow(size, outputs):
    generator = np.random.default_rng(0)
    x = tf.constant(generator.normal(size=(2, 5, 6, 20)))
    kernel = tf.constant(generator.normal(size=(size, size, 20, outputs)))
    found = []
    for convolve in (
        convolution.convolve,
        lambda x, kernel: tf.nn.conv2d(x, kernel, strides=1, padding="SAME"),
    ):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            result = convolve(x, kernel)
            loss = tf.reduce_sum(tf.sin(result))
        found.append([result, *tape.gradient(loss, [x, kernel])])
    for own, expected in zip(*found, strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-12)


def test_shapes_are_known_while_tracing():
    @tf.function(input_signature=[tf.TensorSpec([None, 4, 6, 20])])
    def traced(x):
        result = convolution.convolve(x, tf.ones([3, 3, 20, 2]))
        assert result.shape.as_list() == [None, 4, 6, 2]
        return result

    assert traced(tf.ones([0, 4, 6, 20])).shape == (0, 4, 6, 2)


def test_pointwise_is_the_product_of_each_pixel():
    generator = np.random.default_rng(0)
    x, matrix, bias = (
        generator.normal(size=shape).astype(np.float32)
        for shape in ((2, 3, 5, 4), (4, 6), (6,))
    )
    found = convolution.pointwise(tf.constant(x), tf.constant(matrix), bias=bias)
    np.testing.assert_allclose(found, np.maximum(x @ matrix + bias, 0.0), atol=1e-5)
