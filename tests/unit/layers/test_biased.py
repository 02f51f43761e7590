# SPDX-License-Identifier: Apache-2.0
"""The convolution with a cheap bias is Keras' own, in value and in every gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf.layers import biased

IMAGES = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype(np.float32)


def found(kind, options, *, weights=None):
    """Weights, value, and first and second derivatives."""
    model = keras.Sequential([keras.Input(IMAGES.shape[1:]), kind(5, **options)])
    if weights is not None:
        model.set_weights(weights)
    x, variables = tf.constant(IMAGES), [v.value for v in model.trainable_variables]
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = model(x)
            loss = tf.reduce_sum(tf.tanh(y) ** 2)
        slopes = inner.gradient(loss, [x, *variables])
        norm = tf.add_n([tf.reduce_sum(slope**2) for slope in slopes])
    return y, *slopes, *outer.gradient(norm, [x, *variables])


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_it_is_keras_own(use_bias, activation):
    options = {"kernel_size": 4, "strides": 2, "padding": "same"}
    options |= {"use_bias": use_bias, "activation": activation}
    weights = [np.random.default_rng(1).normal(size=(4, 4, 3, 5))]
    weights += [np.random.default_rng(2).normal(size=5)] if use_bias else []
    ours = found(biased.BiasedConv, options, weights=weights)
    theirs = found(keras.layers.Conv2D, options, weights=weights)
    assert len(ours) == (7 if use_bias else 5)
    for first, second in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)
