# SPDX-License-Identifier: Apache-2.0
"""Adam against its equations, against Keras, and its L2 against the definition."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf.training import adam, schedule

GRADIENTS = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


def follow(optimizer, start=1.0):
    """The variable after each gradient."""
    variable = keras.Variable(np.full(5, start, np.float32))
    optimizer.build([variable])
    path = []
    for gradient in GRADIENTS:
        optimizer.apply([tf.constant(gradient)], [variable])
        path.append(np.array(variable))
    return np.stack(path)


def by_hand(*, rate=0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-6, l2=0.0):
    variable, m, v, path = np.ones(5), np.zeros(5), np.zeros(5), []
    for step, gradient in enumerate(GRADIENTS, start=1):
        gradient = gradient + l2 * variable
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        alpha = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        variable = variable - alpha * m / (np.sqrt(v) + epsilon)
        path.append(variable)
    return np.stack(path)


def test_beta_2_follows_a_cosine_to_its_end():
    made = adam.Adam(
        0.1, beta_1=0.8, beta_2=0.5, beta_2_end=0.9, epsilon=1e-6, curve_steps=4
    )
    variable, m, v, path = np.ones(5), np.zeros(5), np.zeros(5), []
    for step, gradient in enumerate(GRADIENTS, start=1):
        progress = min(1.0, (step - 1) / 4)
        beta_2 = 0.9 - 0.4 * (1 + np.cos(np.pi * progress)) / 2
        m = 0.8 * m + 0.2 * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        alpha = 0.1 * np.sqrt(1 - beta_2**step) / (1 - 0.8**step)
        variable = variable - alpha * m / (np.sqrt(v) + 1e-6)
        path.append(variable)
    np.testing.assert_allclose(follow(made), path, rtol=1e-4)
    copy = adam.Adam.from_config(made.get_config())
    np.testing.assert_array_equal(follow(copy)[:1], np.float32(path[:1]))


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_follows_its_equations(l2):
    made = adam.Adam(0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-6, l2=l2)
    np.testing.assert_allclose(follow(made), by_hand(l2=l2), rtol=1e-4)


def test_without_l2_it_is_keras_adam():
    ours = follow(adam.Adam(0.1, epsilon=1e-7))
    np.testing.assert_allclose(ours, follow(keras.optimizers.Adam(0.1)), rtol=1e-4)


def test_l2_is_not_decoupled_weight_decay():
    coupled = follow(adam.Adam(0.1, l2=0.3))
    decoupled = follow(keras.optimizers.Adam(0.1, weight_decay=0.3))
    assert np.abs(coupled - decoupled).max() > 1e-2


def test_config_rebuilds_it():
    made = adam.Adam(schedule.StepDecay(0.1, every=3, factor=0.5), l2=0.2)
    copy = adam.Adam.from_config(made.get_config())
    assert copy.l2 == 0.2
    np.testing.assert_array_equal(follow(copy), follow(made))


def test_step_decay_halves_at_its_intervals():
    rate = schedule.StepDecay(0.8, every=10, factor=0.5)
    found = [float(rate(step)) for step in (0, 9, 10, 19, 20)]
    np.testing.assert_allclose(found, [0.8, 0.8, 0.4, 0.4, 0.2])


def test_step_decay_of_zero_never_decays():
    rate = schedule.StepDecay(0.8, every=0, factor=0.5)
    np.testing.assert_allclose(rate(10**6), 0.8)
