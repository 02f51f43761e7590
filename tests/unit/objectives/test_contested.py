# SPDX-License-Identifier: Apache-2.0
"""Reconstruction terms with a critic: their parts, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, parts, seeds
from glf_tf.objectives import critic_features, patch_adversarial

SHAPE = (8, 8, 1)
GENERATOR = np.random.default_rng(0)
IMAGE = tf.constant(GENERATOR.random((3, *SHAPE)), tf.float32)
LOGITS = tf.constant(GENERATOR.normal(size=(3, *SHAPE)), tf.float32)
CRITIC = {"widths": (3, 4)}
HOW = {"seed": seeds.make(0), "training": True}


def features(**given):
    return critic_features.CriticFeatures(SHAPE, **CRITIC, **given)


def patches(**given):
    return patch_adversarial.PatchAdversarial(SHAPE, **CRITIC, **given)


def test_features_are_weighed_beside_the_squared_error():
    terms = features(features=3.0, squared_error=0.25).terms(IMAGE, LOGITS, **HOW)
    error = tf.reduce_sum((IMAGE - tf.sigmoid(LOGITS)) ** 2, axis=[1, 2, 3])
    np.testing.assert_allclose(terms["error"], error, rtol=1e-5)
    expected = 3.0 * terms["features"] + 0.25 * error
    np.testing.assert_allclose(terms["reconstruction"], expected, rtol=1e-6)
    assert set(terms) == {"reconstruction", "error", "features", "judged"}


def test_the_error_beside_a_judgement_is_any_part():
    made = patches(error={"name": "gaussian", "variance": 0.1}, features=2.0)
    terms = made.terms(IMAGE, LOGITS, **HOW)
    spec = {"name": "gaussian", "variance": 0.1}
    other = parts.make("reconstruction", spec, image_shape=SHAPE)
    np.testing.assert_array_equal(terms["error"], other(IMAGE, LOGITS))
    expected = 2.0 * terms["features"] + terms["error"]
    np.testing.assert_allclose(terms["reconstruction"], expected, rtol=1e-6)
    np.testing.assert_allclose(made(IMAGE, LOGITS), expected, rtol=1e-6)


def test_a_term_is_told_without_the_noise_of_training():
    made = features(noise=0.5)
    calm, noisy = made(IMAGE, LOGITS), made.terms(IMAGE, LOGITS, **HOW)
    assert np.abs(calm - noisy["reconstruction"]).max() > 1e-3
    still = made.terms(IMAGE, LOGITS, seed=seeds.make(0), training=False)
    np.testing.assert_array_equal(calm, still["reconstruction"])


def test_the_critic_does_not_learn_with_the_autoencoder():
    made = patches(error="learned_gaussian")
    learned = [v for layer in made.learned_layers() for v in layer.trainable_variables]
    assert len(learned) == 1
    own = {id(v) for v in made.critic.trainable_variables}
    assert not own & set(map(id, learned))


def test_specifications_describe_the_error_too():
    spec = parts.specification("reconstruction", patches(error="bernoulli", start=7))
    assert spec["error"] == {"name": "bernoulli"}
    assert (spec["start"], spec["widths"]) == (7, [3, 4])
    again = parts.make("reconstruction", spec, image_shape=SHAPE)
    assert parts.specification("reconstruction", again) == spec


@pytest.mark.parametrize(
    ("make", "given", "word"),
    [
        (features, {"features": -1.0}, "`features` must not"),
        (features, {"squared_error": -0.1}, "`squared_error` must not"),
        (features, {"weight": float("nan")}, "`weight` must not"),
        (features, {"noise": -1.0}, "`noise` must not"),
        (features, {"features": 0.0, "squared_error": 0.0}, "weight above 0.*error=0"),
        (patches, {"weight": -0.5}, "`weight` must not"),
        (patches, {"features": -0.5}, "`features` must not"),
        (patches, {"noise": -0.5}, "`noise` must not"),
        (patches, {"start": -1}, "`start` must be at least 0.*start=-1"),
    ],
)
def test_what_is_out_of_range_is_refused(make, given, word):
    with pytest.raises(errors.InvalidValue, match=word):
        make(**given)


@pytest.mark.parametrize("name", ["critic_features", "patch_adversarial"])
def test_a_critic_within_a_critics_term_is_refused(name):
    keras.utils.set_random_seed(0)
    with pytest.raises(errors.Unsupported, match="no critic of its own"):
        patches(error={"name": name, **CRITIC})
