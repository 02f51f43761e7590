# SPDX-License-Identifier: Apache-2.0
"""The VAE with a VampPrior: its density, its draws, and where pseudo-inputs start."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from glf_tf import catalogue, errors
from glf_tf.priors import vamp
from tests import descriptors


def made(**options):
    spec = {**descriptors.MODELS["vae_vamp_prior"], **options}
    return catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)


def posteriors(model):
    """Means and deviations of the pseudo-inputs' posteriors."""
    normal = model.base_posterior(model.prior.pseudo_inputs)
    return np.array(normal.mean), np.exp(normal.log_scale)


def test_the_density_is_the_mean_of_posteriors():
    model = descriptors.model("vae_vamp_prior")
    z = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    loc, scale = posteriors(model)
    log_prob = stats.norm(loc, scale).logpdf(z[:, None]).sum(axis=-1)
    expected = special.logsumexp(log_prob, axis=1) - np.log(5)
    np.testing.assert_allclose(model.log_prob(z), expected, rtol=1e-4)


def test_draws_are_of_the_posteriors():
    model = descriptors.model("vae_vamp_prior")
    loc, scale = posteriors(model)
    z = model.prior.sample(20_000, seed=0)
    np.testing.assert_allclose(np.mean(z, 0), loc.mean(0), atol=0.05)
    variance = np.mean(scale**2 + loc**2, 0) - loc.mean(0) ** 2
    np.testing.assert_allclose(np.var(z, 0), variance, rtol=0.05)
    still = model.prior.sample(50, seed=0, temperature=0.0)
    gaps = np.abs(still[:, None] - loc).max(axis=-1)
    np.testing.assert_allclose(gaps.min(axis=1), 0.0, atol=1e-5)
    assert len(set(gaps.argmin(axis=1))) == 5


def test_pseudo_inputs_start_from_training_images_once():
    model, data = made(), descriptors.images()
    (stage,) = model.stages()
    stage.prepare(data)
    found, images = model.prior.pseudo_inputs.numpy(), data.images / 255.0
    gaps = np.abs(found[:, None] - images).max(axis=(2, 3, 4))
    assert np.all(gaps.min(axis=1) < 0.011)
    assert len(set(gaps.argmin(axis=1))) == 5
    descriptors.perturb(model.prior)
    learned = model.prior.pseudo_inputs.numpy()
    stage.prepare(data)
    np.testing.assert_array_equal(model.prior.pseudo_inputs, learned)


def test_pseudo_inputs_start_from_noise():
    model = made(start="noise")
    before = model.prior.pseudo_inputs.numpy()
    model.stages()[0].prepare(descriptors.images())
    np.testing.assert_array_equal(model.prior.pseudo_inputs, before)
    assert np.all((before > 0.0) & (before < 1.0))
    assert np.unique(before).size == before.size
    model.check_data(descriptors.images(2))


def test_the_prior_trains_the_encoder_and_is_not_of_the_batch():
    model = made(network={"name": "infogan", "filters": 4, "hidden": 8})
    descriptors.perturb(model)
    z = tf.ones([3, 4])
    kernel = model.encoder.trainable_variables[0]
    with tf.GradientTape() as tape:
        log_prob = model.prior.log_prob(z, training=True)
    assert np.abs(tape.gradient(log_prob, kernel.value)).max() > 0.0
    np.testing.assert_array_equal(model.prior.log_prob(z), log_prob)


def test_the_encoder_is_not_saved_with_the_prior():
    names = {variable.path for variable in made().prior.variables}
    assert names == {"prior/pseudo_inputs", "prior/is_started"}


def test_a_loaded_model_goes_on_where_it_was(tmp_path):
    model, data = made(), descriptors.images()
    model.stages()[0].prepare(data)
    descriptors.perturb(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.sample(3, seed=0), model.sample(3, seed=0))
    loaded.stages()[0].prepare(data)
    np.testing.assert_array_equal(loaded.prior.pseudo_inputs, model.prior.pseudo_inputs)


def test_fewer_images_than_pseudo_inputs_are_refused_in_a_line():
    with pytest.raises(errors.InvalidValue, match="at least 5 codes") as said:
        made().check_data(descriptors.images(4))
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"components": 0}, "components=0"),
        ({"kl_weight": -1.0}, "kl_weight"),
        ({"start": "image"}, "Did you mean"),
    ],
)
def test_bad_options_are_refused_in_a_line(options, words):
    with pytest.raises(errors.InvalidValue, match=words) as said:
        made(**options)
    assert "\n" not in str(said.value)


def test_a_prior_of_no_model_says_so():
    with pytest.raises(errors.InvalidValue, match="of no model"):
        vamp.VampPrior(4, image_shape=(8, 8, 1)).log_prob(tf.zeros([1, 4]))
