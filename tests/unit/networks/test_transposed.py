# SPDX-License-Identifier: Apache-2.0
"""The fast transposed convolution is Keras' own, in value and in every gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf.networks import transposed


def pair(filters, **options):
    """The layer and Keras' own, of the same weights."""
    image = keras.Input((3, 5, 6))
    common = {"kernel_size": 4, "strides": 2, "padding": "same", **options}
    ours = keras.Sequential([image, transposed.Upsampling(filters, **options)])
    theirs = keras.Sequential([image, keras.layers.Conv2DTranspose(filters, **common)])
    ours.set_weights([np.random.normal(size=w.shape) for w in ours.get_weights()])
    theirs.set_weights(ours.get_weights())
    return ours, theirs


IMAGES = np.random.default_rng(0).normal(size=(2, 3, 5, 6)).astype(np.float32)


@pytest.mark.parametrize("filters", [1, 3, transposed.FEW, transposed.FEW + 1])
@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"activation": "tanh"}])
def test_values_are_those_of_keras(filters, options):
    ours, theirs = pair(filters, **options)
    assert ours(IMAGES).shape == (2, 6, 10, filters)
    np.testing.assert_allclose(ours(IMAGES), theirs(IMAGES), atol=1e-5)


def gradients(model, order):
    """The gradients by images and weights, of the output or of its gradient's norm."""
    x = tf.constant(IMAGES)
    weights = [weight.value for weight in model.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.tanh(model(x)) ** 2)
        if order == 2:
            loss = tf.reduce_sum(tape.gradient(loss, x) ** 2)
    return tape.gradient(loss, [x, *weights])


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_are_those_of_keras(order, compiled):
    for found, expected in zip(
        *(
            tf.function(gradients, jit_compile=compiled)(model, order)
            for model in pair(1)
        ),
        strict=True,
    ):
        atol = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=atol)


def test_sizes_that_are_not_known_are_taken_from_the_images():
    ours, theirs = pair(2)
    layer, weights = ours.layers[0], ours.get_weights()
    image = tf.TensorSpec([None, None, None, 6])
    traced = tf.function(layer.call, input_signature=[image])
    np.testing.assert_allclose(traced(IMAGES), theirs(IMAGES), atol=1e-5)
    assert [w.shape for w in weights] == [(4, 4, 2, 6), (2,)]


def test_it_is_made_again_from_its_configuration():
    ours, _ = pair(1)
    again = keras.Sequential.from_config(ours.get_config())
    again.set_weights(ours.get_weights())
    np.testing.assert_array_equal(again(IMAGES), ours(IMAGES))
