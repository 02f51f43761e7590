# SPDX-License-Identifier: Apache-2.0
"""Latent models whose prior depends on labels, from `fit` to the served model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.data import paths
from glf_tf.datasets import digits
from glf_tf.models import glf, lfbm, lfbm_vae, rae, vae_flow_prior

SHAPE = (8, 8, 1)
SMALL = {
    "latent_dim": 6,
    "network": {"name": "mlp", "hidden": (32,)},
}
FLOW = {"name": "real_nvp", "hidden": 32, "blocks": 2}
MIXTURES = {"name": "labelled_mixture", "components": 2}
SPLINES = {"name": "neural_spline", "blocks": 2, "hidden": 8, "depth": 1}


def make(cls=glf.GLF, **options):
    """A small model of digits."""
    return cls(SHAPE, **{**SMALL, "flow": FLOW, "num_classes": 10, **options})


@pytest.fixture(scope="module")
def data():
    """Images of digits, and their labels."""
    given = digits.Digits(paths.DataPaths()).load("train")
    return given.images, given.labels


@pytest.fixture(scope="module")
def trained(data):
    """A GLF that was fitted to digits and their labels."""
    keras.utils.set_random_seed(0)
    model = make(procedure="two_stage", components=0)
    model.compile(learning_rate=5e-3)
    model.fit(*data, epochs=30, batch_size=128, verbose=0)
    return model


def test_labels_of_images_are_found_by_bayes_rule(trained, data):
    images, labels = (each[:400] for each in data)
    log_probs = trained.label_log_probs(np.float32(images) / 255.0)
    np.testing.assert_allclose(np.sum(np.exp(log_probs), axis=1), 1.0, rtol=1e-4)
    assert np.mean(np.argmax(log_probs, axis=1) == labels) > 0.7


def test_samples_of_a_label_are_found_to_be_of_it(trained):
    labels = np.repeat(np.arange(10), 20)
    drawn = trained.sample(200, seed=0, label=labels, temperature=0.5)
    found = np.argmax(trained.label_log_probs(drawn), axis=1)
    assert np.mean(found == labels) > 0.5
    one = trained.sample(4, seed=1, label=7)
    np.testing.assert_array_equal(one, trained.sample(4, seed=1, label=[7] * 4))


def test_the_density_of_latents_is_the_mean_over_labels(trained, data):
    z = trained.encode(np.float32(data[0][:6]) / 255.0)
    given = [trained.log_prob(z, label=label) for label in range(10)]
    mean = tf.reduce_logsumexp(given, axis=0) - np.log(10.0)
    np.testing.assert_allclose(trained.log_prob(z), mean, rtol=1e-4)


def test_the_saved_model_is_conditional(trained, data, tmp_path):
    path = tmp_path / "model.keras"
    trained.save(path)
    loaded = keras.saving.load_model(path)
    kept = trained.sample(3, seed=0, label=[1, 2, 3])
    np.testing.assert_allclose(loaded.sample(3, seed=0, label=[1, 2, 3]), kept)
    served = trained.signatures()
    image, label = np.float32(data[0][:3]) / 255.0, tf.constant([1, 2, 10])
    found = served["log_prob_of_labels"](image=tf.constant(image), label=label)
    z = trained.encode(image)
    expected = trained.log_prob(z[:2], label=[1, 2])
    np.testing.assert_allclose(found["log_prob"][:2], expected, rtol=1e-4)
    assert np.isnan(found["log_prob"][2])


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (glf.GLF, {"procedure": "closing", "components": 2}),
        (glf.GLF, {"procedure": "joint", "noise": "labelled_normal"}),
        (vae_flow_prior.VAEFlowPrior, {"reconstruction": "bernoulli"}),
        (glf.GLF, {"procedure": "two_stage", "flow": SPLINES, "components": 0}),
        (rae.RAE, {"flow": None, "prior": "labelled_normal"}),
        (rae.RAE, {"flow": None, "prior": MIXTURES}),
        (glf.GLF, {"procedure": "two_stage", "noise": MIXTURES}),
        (lfbm.LFBM, {"flow": None, "prior": {"name": "flow", "flow": FLOW}}),
        (lfbm_vae.LFBMVAE, {"flow": None, "prior": "labelled_normal"}),
    ],
)
def test_every_model_with_such_a_prior_learns_it(cls, options, data):
    given = {key: value for key, value in {"flow": FLOW, **options}.items() if value}
    model = cls(SHAPE, **SMALL, num_classes=10, **given)
    images, labels = (each[:256] for each in data)
    z = tf.zeros([1, model.latent_dim])
    assert np.ptp([model.log_prob(z, label=label) for label in range(10)]) < 1e-6
    model.fit(images, labels, epochs=2, batch_size=64, verbose=0)
    assert np.ptp([model.log_prob(z, label=label) for label in range(10)]) > 1e-3


def test_mistakes_with_labels_are_one_line(data):
    images, labels = (each[:64] for each in data)
    with pytest.raises(errors.InvalidValue, match="needs one an example"):
        make().fit(images, epochs=1, verbose=0)
    with pytest.raises(errors.InvalidValue, match="between 0 and num_classes"):
        make(num_classes=3).fit(images, labels, epochs=1, verbose=0)
    with pytest.raises(errors.Unsupported, match="conditional on them"):
        make(num_classes=0).sample(2, label=1)
    with pytest.raises(errors.Unsupported, match="10 labels"):
        make().interpolate(tf.zeros([2, 6]), tf.ones([2, 6]), num_steps=2)
    with pytest.raises(errors.Unsupported, match="must depend on its labels"):
        rae.RAE(SHAPE, **SMALL, prior="mixture", num_classes=10)
    with pytest.raises(errors.InvalidValue, match="num_classes"):
        make(num_classes=-1)
    few = rae.RAE(SHAPE, **SMALL, prior=MIXTURES, num_classes=11)
    with pytest.raises(errors.InvalidValue, match="0 of label 10"):
        few.fit(images, labels, epochs=1, verbose=0)
