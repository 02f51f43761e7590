# SPDX-License-Identifier: Apache-2.0
"""RAE: its penalties against plain derivatives, and the prior that comes after."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from tests import descriptors


def made(**options):
    spec = {**descriptors.MODELS["rae"], **options}
    return catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)


def moved(**options):
    model = made(**options)
    descriptors.perturb(model)
    return model


def terms_of(model):
    return descriptors.update(model, "autoencoder").terms(
        descriptors.batch(), seed=tf.constant((0, 0)), training=True
    )


def test_latent_term_is_the_squared_norm_of_the_codes():
    model = moved()
    z = model.encode(descriptors.batch()["image"])
    np.testing.assert_allclose(
        terms_of(model)["latent"], np.linalg.norm(z, axis=1) ** 2, rtol=1e-5
    )


def test_l2_is_over_the_kernels_of_the_decoder_alone():
    model = moved(regularization="l2", regularization_weight=0.1)
    kernels = [layer.kernel for layer in model.decoder.layers if layer.count_params()]
    expected = sum(np.square(kernel).sum() for kernel in kernels)
    assert len(kernels) == 2
    np.testing.assert_allclose(terms_of(model)["l2"], expected, rtol=1e-5)


def test_gradient_penalty_is_that_of_finite_differences():
    model = moved(regularization="gradient_penalty", regularization_weight=0.1)
    z = np.asarray(model.encode(descriptors.batch()["image"]))

    def squared_norm(z):
        decoded = tf.sigmoid(model.decoder(z)).numpy().astype(np.float64)
        return np.square(decoded).sum(axis=(1, 2, 3))

    gradient = np.zeros(z.shape)
    for axis in range(z.shape[1]):
        step = np.zeros(z.shape[1], np.float32)
        step[axis] = 1e-2
        gradient[:, axis] = (squared_norm(z + step) - squared_norm(z - step)) / 2e-2
    expected = np.square(gradient).sum(axis=1)
    np.testing.assert_allclose(
        terms_of(model)["gradient_penalty"], expected, rtol=2e-2, atol=1e-3
    )


def test_gradient_penalty_reaches_the_decoder():
    """A second derivative, through the tape inside the tape."""
    model = moved(regularization="gradient_penalty", regularization_weight=0.1)
    values = [variable.value for variable in model.decoder.trainable_variables]

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            penalty = tf.reduce_sum(terms_of(model)["gradient_penalty"])
        return tape.gradient(penalty, values)

    assert all(np.abs(gradient).max() > 1e-6 for gradient in gradients())


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({}, {"reconstruction": 1.0, "latent": 0.5}),
        ({"latent_weight": 0.0}, {"reconstruction": 1.0, "latent": 0.0}),
        (
            {"regularization": "l2", "regularization_weight": 0.1},
            {"reconstruction": 1.0, "latent": 0.5, "l2": 0.1},
        ),
        (
            {"regularization": "spectral_norm"},
            {"reconstruction": 1.0, "latent": 0.5},
        ),
    ],
)
def test_loss_has_the_terms_of_its_penalty(options, weights):
    model = made(**options)
    assert dict(descriptors.update(model, "autoencoder").weights) == weights
    assert set(terms_of(model)) == set(weights)


def test_spectral_norm_replaces_the_decoders_variables():
    model = made(regularization="spectral_norm")
    paths = [variable.path for variable in model.variables]
    assert len(set(paths)) == len(paths)
    of_decoder = {id(variable) for variable in model.decoder.variables}
    named = {id(v) for v in model.variables if "decoder" in v.path}
    assert named == of_decoder


@pytest.mark.parametrize(
    ("prior", "stages"),
    [
        ("standard_normal", ["autoencoder"]),
        ("normal", ["autoencoder", "prior"]),
        ({"name": "mixture", "components": 2}, ["autoencoder", "prior"]),
        (
            {"name": "flow", "flow": {"name": "real_nvp", "hidden": 6}},
            ["autoencoder", "prior"],
        ),
    ],
)
def test_a_prior_has_a_stage_if_it_learns(prior, stages):
    assert [stage.name for stage in made(prior=prior).stages()] == stages


@pytest.mark.parametrize("prior", ["normal", {"name": "mixture", "components": 2}])
def test_the_prior_is_fitted_to_the_codes_of_the_training_set(prior):
    model, data = moved(prior=prior), descriptors.images(400)
    autoencoder, last = model.stages()
    codes = model.encode_all(data)
    before = model.prior.log_prob(codes).numpy().mean()
    autoencoder.prepare(data)
    assert model.prior.log_prob(codes).numpy().mean() == before
    last.prepare(data)
    drawn = model.prior.sample(20_000, seed=1).numpy()
    scale = codes.std(axis=0)
    gap = np.abs(drawn.mean(axis=0) - codes.mean(axis=0)) / scale
    assert gap.max() < 0.1
    np.testing.assert_allclose(drawn.std(axis=0) / scale, 1.0, atol=0.1)


def test_samples_are_decoded_draws_of_the_prior():
    model = moved(prior="normal")
    model.stages()[-1].prepare(descriptors.images())
    z = model.prior.sample(5, seed=3)
    np.testing.assert_allclose(model.sample(5, seed=3), model.decode(z), atol=1e-6)


def test_a_fitted_prior_is_in_the_file_of_the_model(tmp_path):
    model = moved()
    model.stages()[-1].prepare(descriptors.images())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.abs(model.prior.loc).max() > 1e-2
    np.testing.assert_array_equal(loaded.sample(4, seed=0), model.sample(4, seed=0))


def test_more_components_than_images_are_refused():
    model = made(prior={"name": "mixture", "components": 100})
    with pytest.raises(errors.InvalidValue, match="at least 100 codes"):
        model.stages()[-1].prepare(descriptors.images(48))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"latent_weight": -1.0}, "latent_weight"),
        ({"regularization_weight": -1.0}, "regularization_weight"),
        ({"regularization_weight": 0.1}, "regularization=none"),
        ({"regularization": "l2"}, "need a weight above 0"),
        (
            {"regularization": "spectral_norm", "regularization_weight": 0.1},
            "regularization=spectral_norm",
        ),
        ({"latent_dim": 0}, "latent_dim"),
    ],
)
def test_bad_options_are_refused(options, word):
    with pytest.raises(errors.InvalidValue, match=word):
        made(**options)


def test_without_noise_lines_are_drawn_in_the_latents():
    model = made(prior="mixture")
    z = np.zeros((1, model.latent_dim), np.float32)
    with pytest.raises(errors.Unsupported, match='"latent", or --space=latent'):
        model.interpolate(z, z, num_steps=2, space="noise")
    line = model.interpolate(z, z, num_steps=2, space="latent")
    assert line.shape == (1, 2, *descriptors.IMAGE_SHAPE)
