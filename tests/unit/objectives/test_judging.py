# SPDX-License-Identifier: Apache-2.0
"""What a critic says: of whom, with which noise, and whose norms follow."""

import keras
import numpy as np
import tensorflow as tf

from glf_tf import seeds
from glf_tf.networks import patch_critic
from glf_tf.objectives import judging

SHAPE = (8, 8, 1)
GENERATOR = np.random.default_rng(0)
IMAGE, FIRST, SECOND = GENERATOR.random((3, 5, *SHAPE)).astype(np.float32)
MADE = {"": tf.constant(FIRST), "_drawn": tf.constant(SECOND)}


def judge(**given):
    keras.utils.set_random_seed(0)
    critic = patch_critic.patch_critic(SHAPE, widths=(3, 4))
    for variable in critic.trainable_variables:
        variable.assign(variable + 0.1)
    return judging.Judge(critic, **given)


def called(method, *, training=False, seed=0):
    found = method(tf.constant(IMAGE), MADE, seed=seeds.make(seed), training=training)
    return {key: value.numpy() for key, value in found.items()}


def mean(values):
    return np.mean(values, axis=(1, 2, 3))


def test_terms_are_those_of_numpy():
    made = judge()
    look = lambda image: [x.numpy() for x in made.critic(2.0 * image - 1.0)]  # noqa: E731
    (*wanted, real), (*found, first), (*_, second) = map(look, (IMAGE, FIRST, SECOND))
    expected = {
        "critic_real": mean(np.maximum(0.0, 1.0 - real)),
        "critic_made": mean(np.maximum(0.0, 1.0 + first)),
        "critic_made_drawn": mean(np.maximum(0.0, 1.0 + second)),
        "judged": -mean(first),
        "judged_drawn": -mean(second),
        "features": sum(
            mean(np.abs(a - b)) for a, b in zip(wanted, found, strict=True)
        ),
    }
    terms = {**called(made.critic_terms), **called(made.maker_terms)}
    assert set(terms) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(terms[key], value, rtol=1e-4, err_msg=key)


def test_norms_follow_the_critics_own_training_alone():
    made = judge()
    norms = [v for v in made.critic.variables if not v.trainable]
    before = [np.array(v) for v in norms]
    called(made.maker_terms, training=True)
    called(made.critic_terms)
    for variable, value in zip(norms, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    called(made.critic_terms, training=True)
    moved = [np.abs(v - b).max() for v, b in zip(norms, before, strict=True)]
    assert max(moved) > 0.0


def test_an_image_and_its_reconstruction_have_equal_noise():
    made = judge(noise=0.5)
    same = {"": tf.constant(IMAGE)}
    how = {"seed": seeds.make(0), "training": True}
    terms = made.maker_terms(tf.constant(IMAGE), same, **how)
    np.testing.assert_array_equal(terms["features"], np.zeros(5))
    calm = judge().maker_terms(tf.constant(IMAGE), same, **how)
    assert np.abs(calm["judged"] - terms["judged"]).max() > 1e-3
