# SPDX-License-Identifier: Apache-2.0
"""Mutual information of normal pairs, which is known."""

import keras
import numpy as np
import tensorflow as tf

from glf_tf.networks import joint_critic
from glf_tf.objectives import information

CORRELATION = 0.8
KNOWN = -0.5 * np.log(1.0 - CORRELATION**2)


def pairs(count, *, seed):
    z, noise = tf.unstack(tf.random.stateless_normal([2, count, 1], [seed, 0]))
    return CORRELATION * z + np.sqrt(1.0 - CORRELATION**2) * noise, z


def exact(x, z):
    """The logarithm of p(x, z) / (p(x) p(z))."""
    r, rest = CORRELATION, 1.0 - CORRELATION**2
    quadratic = (x**2 - 2 * r * x * z + z**2) / rest - x**2 - z**2
    return -0.5 * (np.log(rest) + quadratic)[:, 0]


def estimator():
    keras.utils.set_random_seed(0)
    image = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(16)]
    )
    hidden = [keras.Input((17,)), keras.layers.Dense(64, "relu")]
    return joint_critic.JointCritic(
        image,
        keras.Sequential([keras.Input((1,)), keras.layers.Identity()]),
        keras.Sequential([*hidden, keras.layers.Dense(64, "relu")]),
        joint_critic.score_branch(64),
    )


def test_the_exact_ratio_of_densities_has_the_known_information():
    x, z = pairs(200_000, seed=1)
    np.testing.assert_allclose(np.mean(exact(x, z)), KNOWN, atol=0.01)


def test_the_exact_ratio_has_the_least_cross_entropy():
    x, z = pairs(50_000, seed=2)
    joint, apart = exact(x, z), exact(x, information.mixed(z))

    def loss(scale, shift):
        found = information.cross_entropy(scale * joint + shift, scale * apart + shift)
        return float(tf.reduce_mean(found))

    others = [loss(0.8, 0.0), loss(1.2, 0.0), loss(1.0, 0.2), loss(1.0, -0.2)]
    assert loss(1.0, 0.0) < min(others)
    np.testing.assert_allclose(loss(0.0, 0.0), np.log(2.0), rtol=1e-5)


def test_a_trained_estimator_finds_the_known_information():
    model, optimizer = estimator(), keras.optimizers.Adam(3e-3)
    variables = model.trainable_variables

    @tf.function(autograph=False)
    def step(seed):
        x, z = pairs(512, seed=seed)
        with tf.GradientTape() as tape:
            joint = model(x, z).score
            apart = model(x, information.mixed(z)).score
            loss = tf.reduce_mean(information.cross_entropy(joint, apart))
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)

    optimizer.build(variables)
    for seed in range(400):
        step(tf.constant(seed))
    x, z = pairs(100_000, seed=1_000_000)
    np.testing.assert_allclose(np.mean(model(x, z).score), KNOWN, atol=0.06)
    unrelated = model(x, information.mixed(z)).score
    assert np.mean(unrelated) < 0.0


def test_mixed_rows_are_those_of_others():
    z = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_array_equal(information.mixed(z), [[5, 6], [1, 2], [3, 4]])
