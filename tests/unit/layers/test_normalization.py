# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation takes its statistics over all replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.devices import strategies
from glf_tf.layers import normalization


def normalized(strategy, images):
    """Outputs, derivatives by the input, and moving averages, after one step."""
    with strategy.scope():
        layer = normalization.BatchNorm(name="norm")
        layer.build((None, *images.shape[1:]))
        batches = iter(
            strategy.experimental_distribute_dataset(
                tf.data.Dataset.from_tensors(images).unbatch().batch(len(images))
            )
        )

        @tf.function(autograph=False)
        def run(x):
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = layer(x, training=True)
                    loss = tf.reduce_sum(y**3)
                gradient = tape.gradient(loss, x)
                slope = tf.reduce_sum(gradient**2)
            return y, gradient, outer.gradient(slope, x)

        outputs = strategy.run(run, args=(next(batches),))
        y, gradient, second = (
            np.concatenate(strategy.experimental_local_results(item))
            for item in outputs
        )
        averages = [
            np.stack(strategy.experimental_local_results(variable.value))
            for variable in (layer.moving_mean, layer.moving_variance)
        ]
    return y, gradient, second, averages


@pytest.mark.parametrize("shape", [(8, 3), (8, 2, 4, 3)])
def test_two_replicas_normalise_as_one_device(shape):
    images = np.random.default_rng(0).normal(1.0, 2.0, shape).astype(np.float32)
    images[4:] += 3.0  # so that the halves differ
    one = normalized(strategies.strategy("one_device"), images)
    two = normalized(strategies.strategy("mirrored"), images)
    np.testing.assert_allclose(two[0], one[0], atol=1e-5)
    np.testing.assert_allclose(two[1], one[1], atol=1e-4)
    np.testing.assert_allclose(two[2], one[2], atol=1e-4 * np.abs(one[2]).max())
    for both, alone in zip(two[3], one[3], strict=True):
        assert len(both) == 2
        np.testing.assert_allclose(both, np.broadcast_to(alone, both.shape), rtol=1e-5)


def test_variance_beside_a_large_mean_is_kept():
    """`mean(x^2) - mean(x)^2` would round it to nothing, or worse."""
    x = np.float32([[1000.0], [1000.1], [1000.2], [1000.3]])
    y, *_ = normalized(strategies.strategy("mirrored"), x)
    expected = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    np.testing.assert_allclose(y, expected, rtol=1e-2)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("shape", [(6, 3), (6, 4, 2, 3)])
@pytest.mark.parametrize("trainable", [True, False])
def test_on_one_device_it_is_keras_own(shape, dtype, trainable):
    x = 2.0 + np.random.default_rng(0).normal(size=shape)
    policy = dtype if "64" in dtype or "32" in dtype else f"mixed_{dtype}"
    options = {"epsilon": 1e-5, "dtype": policy, "trainable": trainable}
    layers = (
        normalization.BatchNorm(**options),
        keras.layers.BatchNormalization(momentum=0.9, **options),
    )
    tolerance = 3e-2 if "16" in dtype else 1e-5
    found = []
    for layer in layers:
        layer.build(shape)
        layer.gamma.assign([0.5, 1.0, 2.0])
        layer.beta.assign([-1.0, 0.0, 1.0])
        with tf.GradientTape() as tape:
            image = tf.constant(x, dtype)
            tape.watch(image)
            y = layer(image, training=True)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) ** 3)
        assert y.dtype == dtype
        found.append([y, *tape.gradient(loss, [image, layer.gamma.value])])
        found[-1] += [layer.moving_mean, layer.moving_variance, layer(image)]
    for ours, keras_own in zip(*found, strict=True):
        ours, keras_own = (np.asarray(item, np.float64) for item in (ours, keras_own))
        # Gradients are differences of sums: they are rounded as the largest of them.
        largest = max(1.0, np.abs(keras_own).max())
        np.testing.assert_allclose(ours, keras_own, atol=tolerance * largest)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(6, 3), (6, 2, 2, 3)])
def test_second_derivatives_are_those_of_the_formula(shape, dtype):
    """Penalties on gradients take them; TensorFlow's own moments have others."""
    x = np.random.default_rng(0).normal(size=shape)
    layer = normalization.BatchNorm(dtype=dtype)

    def formula(x):
        off = x - tf.reduce_mean(x, range(x.shape.rank - 1))
        variance = tf.reduce_mean(off**2, range(x.shape.rank - 1))
        return off / tf.sqrt(variance + 1e-5)

    ours = second_derivative(lambda x: layer(x, training=True), tf.constant(x, dtype))
    expected = second_derivative(formula, tf.constant(x))
    tolerance = (1e-9 if dtype == "float64" else 1e-4) * np.abs(expected).max()
    np.testing.assert_allclose(ours, expected, atol=tolerance)


def second_derivative(function, x):
    """The derivative of the squared norm of a gradient."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            # What comes before it has slopes that do not cancel out.
            y = tf.reduce_sum(function(tf.exp(x)) ** 3)
        slope = tf.reduce_sum(inner.gradient(y, x) ** 2)
    return outer.gradient(slope, x)


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 1, 3)])
def test_one_value_for_each_mean_is_refused_in_training_alone(shape):
    layer = normalization.BatchNorm(name="norm")
    layer.build((None, *shape[1:]))
    assert layer(tf.ones(shape)).shape == shape
    with pytest.raises(errors.InvalidValue, match="two values for each mean"):
        layer(tf.ones(shape), training=True)


@pytest.mark.parametrize("shape", [(2, 3), (1, 2, 1, 3)])
def test_two_values_for_each_mean_are_enough(shape):
    layer = normalization.BatchNorm(name="norm")
    assert layer(tf.ones(shape), training=True).shape == shape


def test_replicas_share_their_values():
    strategy = strategies.strategy("mirrored")
    with strategy.scope():
        layer = normalization.BatchNorm(name="norm")
        layer.build((None, 3))
    run = tf.function(
        lambda: strategy.run(lambda: layer(tf.ones((1, 3)), training=True))
    )
    run()  # it refuses nothing
