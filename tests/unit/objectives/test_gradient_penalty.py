# SPDX-License-Identifier: Apache-2.0
"""Penalties on a critic's gradient: their values, and their own gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf.objectives import gradient_penalty
from tests import descriptors

IMAGE = np.random.default_rng(0).uniform(size=(4, 4, 4, 2))


def linear(weights):
    """A critic whose gradient is the same everywhere."""
    return lambda image: tf.reduce_sum(image * weights, axis=[1, 2, 3])


def test_norms_are_those_of_a_linear_critic():
    weights = np.random.default_rng(1).normal(size=(4, 4, 2))
    found = gradient_penalty.squared_norm(linear(weights), tf.constant(IMAGE))
    np.testing.assert_allclose(found, [np.sum(weights**2)] * 4, rtol=1e-6)


def test_norms_off_one_are_those_of_numpy():
    squared = np.array([0.0, 0.25, 1.0, 9.0])
    expected = (np.sqrt(1e-4 + squared) - 1) ** 2
    found = gradient_penalty.off_one(tf.constant(squared))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_flat_critic_has_a_finite_penalty_and_gradient():
    weights = tf.zeros([4, 4, 2], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        squared = gradient_penalty.squared_norm(linear(weights), tf.constant(IMAGE))
        value = tf.reduce_sum(gradient_penalty.off_one(squared))
    assert np.isfinite(tape.gradient(value, weights)).all()


def smooth_critic():
    """Smooth, so that differences tell its second derivatives."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    made = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.Conv2D(3, 3, activation="tanh", dtype="float64"),
            layers.Flatten(),
            layers.Dense(1, dtype="float64"),
        ]
    )
    descriptors.perturb(made)
    return made


@pytest.mark.parametrize("kind", ["zero_centred", "one_centred"])
def test_gradients_of_penalties_are_those_of_differences(kind):
    critic = smooth_critic()

    def value():
        judge = lambda image: critic(image)[:, 0]  # noqa: E731
        found = gradient_penalty.squared_norm(judge, tf.constant(IMAGE))
        found = found if kind == "zero_centred" else gradient_penalty.off_one(found)
        return tf.reduce_sum(found)

    # The last bias shifts all scores, which no gradient with respect to images feels.
    kernels = [critic.layers[0].kernel.value, critic.layers[-1].kernel.value]
    with tf.GradientTape() as tape:
        total = value()
    for kernel, slope in zip(kernels, tape.gradient(total, kernels), strict=True):
        flat = np.random.default_rng(2).normal(size=kernel.shape)
        start, step = tf.identity(kernel), 1e-2
        ends = []
        for sign in (1.0, -1.0):
            kernel.assign(start + sign * step * flat)
            ends.append(float(value()))
        kernel.assign(start)
        # Norms are float32: differences of a hundredth are good to a thousandth.
        expected = (ends[0] - ends[1]) / (2 * step)
        assert np.sum(slope * flat) == pytest.approx(expected, rel=5e-3)


def test_points_between_are_on_the_line_of_their_pair():
    real, made = np.zeros((50, 2, 3, 1)), np.ones((50, 2, 3, 1))
    points = gradient_penalty.between(tf.constant(real), tf.constant(made), seed=3)
    flat = points.numpy().reshape(50, -1)
    np.testing.assert_array_equal(flat, np.repeat(flat[:, :1], 6, axis=1))
    assert 0 < flat.min() < 0.1
    assert 0.9 < flat.max() < 1
    again = gradient_penalty.between(tf.constant(real), tf.constant(made), seed=3)
    np.testing.assert_array_equal(points, again)


def test_points_around_are_never_below_and_half_a_deviation_off_at_most():
    real = tf.constant(np.repeat(IMAGE, 50, axis=0))
    off = (gradient_penalty.around(real, seed=1) - real).numpy()
    bound = 0.5 * np.std(real)
    assert off.min() >= 0
    assert 0.9 * bound < off.max() <= bound
    # A factor for each image: some are hardly moved, others all over.
    of_image = off.max(axis=(1, 2, 3))
    assert of_image.min() < 0.1 * bound
    assert np.unique(off).size > off.size / 2
