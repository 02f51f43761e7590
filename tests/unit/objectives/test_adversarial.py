# SPDX-License-Identifier: Apache-2.0
"""The losses of critic and generator, against NumPy, and where they push scores."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.objectives import adversarial

REAL = np.array([-2.5, -0.4, 0.3, 1.7, 40.0])
MADE = np.array([0.6, -3.0, 1.2, 0.2, -40.0])


def log_sigmoid(x):
    return -np.logaddexp(0.0, -x)


FORMULAS = {
    "minimax": (
        lambda r, m: -log_sigmoid(r) - log_sigmoid(-m),
        lambda r, m: log_sigmoid(-m),
    ),
    "non_saturating": (
        lambda r, m: -log_sigmoid(r) - log_sigmoid(-m),
        lambda r, m: -log_sigmoid(m),
    ),
    "least_squares": (
        lambda r, m: 0.5 * (r - 1) ** 2 + 0.5 * m**2,
        lambda r, m: 0.5 * (m - 1) ** 2,
    ),
    "wasserstein": (lambda r, m: m - r, lambda r, m: -m),
    "hinge": (
        lambda r, m: np.maximum(0, 1 - r) + np.maximum(0, 1 + m),
        lambda r, m: -m,
    ),
    "relativistic": (
        lambda r, m: -log_sigmoid(r - m),
        lambda r, m: -log_sigmoid(m - r),
    ),
}
every = pytest.mark.parametrize("name", sorted(FORMULAS))


def test_every_loss_has_a_formula():
    assert set(FORMULAS) == set(adversarial.LOSSES)


@every
def test_losses_are_those_of_numpy(name):
    loss = adversarial.LOSSES[name]
    real, made = tf.constant(REAL), tf.constant(MADE)
    for value, formula in zip(loss[:2], FORMULAS[name], strict=True):
        found = value(real, made)
        assert found.shape == [5]
        np.testing.assert_allclose(found, formula(REAL, MADE), atol=1e-12)


def gradients(function):
    """The slopes of a player's loss in the scores of real and of made images."""
    scores = [tf.constant([0.3, 0.8]), tf.constant([0.6, 0.1])]
    with tf.GradientTape() as tape:
        tape.watch(scores)
        total = tf.reduce_sum(function(*scores))
    return tape.gradient(total, scores)


@every
def test_the_critic_raises_real_images_and_lowers_made_ones(name):
    of_real, of_made = gradients(adversarial.LOSSES[name].critic)
    assert np.all(of_real < 0)
    assert np.all(of_made > 0)


@every
def test_the_generator_raises_its_own_images(name):
    loss = adversarial.LOSSES[name]
    of_real, of_made = gradients(loss.generator)
    assert np.all(of_made < 0)
    assert loss.is_paired == (of_real is not None)
    if not loss.is_paired:
        assert np.all(loss.generator(None, tf.zeros([2])).shape == [2])


def test_only_the_minimax_generator_gives_up_where_the_critic_is_sure():
    sure = tf.constant([-30.0])
    found = {}
    for name, loss in adversarial.LOSSES.items():
        with tf.GradientTape() as tape:
            tape.watch(sure)
            value = loss.generator(tf.zeros([1]), sure)
        found[name] = abs(float(tape.gradient(value, sure)[0]))
    assert found.pop("minimax") < 1e-9
    assert min(found.values()) > 0.9


def test_accuracy_counts_pairs():
    found = adversarial.accuracy(tf.constant(REAL), tf.constant(MADE))
    np.testing.assert_array_equal(found, [0, 1, 0, 1, 1])
    equal = adversarial.accuracy(tf.constant([2.0]), tf.constant([2.0]))
    np.testing.assert_array_equal(equal, [0.5])


@every
def test_only_relative_losses_ignore_what_is_added_to_all_scores(name):
    loss = adversarial.LOSSES[name]
    real, made = tf.constant(REAL), tf.constant(MADE)
    shifted = loss.critic(real + 0.7, made + 0.7)
    is_same = np.allclose(shifted, loss.critic(real, made))
    assert is_same == loss.is_relative
