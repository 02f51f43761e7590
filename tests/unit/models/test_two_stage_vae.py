# SPDX-License-Identifier: Apache-2.0
"""The Two-Stage VAE: both negative ELBOs, fresh latents, and what samples are."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from glf_tf import catalogue, errors
from glf_tf.priors import second_stage
from tests import descriptors


def made(**options):
    spec = {**descriptors.MODELS["two_stage_vae"], **options}
    return catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)


def second(latent_dim=1, *, scale=0.3):
    prior = second_stage.SecondStageVAE(latent_dim, width=6, depth=2)
    descriptors.perturb(prior, scale=scale)
    prior.log_scale.assign(-0.4)
    return prior


def first_terms(model, seed=(0, 1)):
    return descriptors.update(model, "autoencoder").terms(
        descriptors.batch(), seed=tf.constant(seed), training=True
    )


def exact_log_prob(prior, z):
    """One latent, integrated on a grid."""
    grid = np.linspace(-8, 8, 4001, dtype=np.float32)[:, None]
    gamma = np.exp(np.float64(prior.log_scale))
    log_p = stats.norm.logpdf(z, np.asarray(prior.decoder(grid))[:, 0], gamma)
    joint = log_p + stats.norm.logpdf(grid[:, 0])
    return special.logsumexp(joint, axis=1) + np.log(grid[1, 0] - grid[0, 0])


def test_density_of_many_draws_is_the_integral(monkeypatch):
    monkeypatch.setattr(second_stage, "_BOUND_SAMPLES", 20_000)
    prior, z = second(), np.linspace(-1.5, 1.0, 9, dtype=np.float32)[:, None]
    bound = tf.function(prior.log_prob)(z)
    np.testing.assert_allclose(bound, exact_log_prob(prior, z), atol=0.05)


def test_second_elbo_is_below_the_density_and_is_its_terms():
    prior, z = second(), np.linspace(-2.0, 2.0, 9, dtype=np.float32)[:, None]

    @tf.function
    def negative_elbo(seed):
        terms = prior.terms(z, seed=seed, training=True)
        return tf.add_n(list(terms.values()))

    drawn = [negative_elbo(tf.constant((seed, 0))) for seed in range(300)]
    assert np.all(-np.mean(drawn, axis=0) < exact_log_prob(prior, z) + 0.05)
    kl = prior.terms(z, seed=0, training=True)["latent_kl"]
    mean, log_scale = np.split(np.asarray(prior.encoder(z), np.float64), 2, axis=1)
    expected = 0.5 * (mean**2 + np.exp(2 * log_scale) - 1) - log_scale
    np.testing.assert_allclose(kl, expected[:, 0], rtol=1e-4)


def test_networks_of_the_second_stage_see_their_input_twice():
    prior = second_stage.SecondStageVAE(3, width=6, depth=2)
    shapes = {v.path: tuple(v.shape) for v in prior.trainable_variables}
    last = [shape for path, shape in shapes.items() if "dense_last/kernel" in path]
    assert sorted(last) == [(9, 3), (9, 6)]


def test_samples_of_the_second_stage_have_its_noise():
    prior = second(3)
    with_noise = prior.sample(20_000, seed=0).numpy()
    prior.log_scale.assign(-30.0)
    without = prior.sample(20_000, seed=0).numpy()
    assert with_noise.std() > without.std()
    descriptors.perturb(prior, scale=0.0)
    np.testing.assert_allclose(without, prior.sample(20_000, seed=0), atol=1e-6)
    assert np.ptp(prior.sample(5, seed=0, temperature=0.0), axis=0).max() == 0.0


def test_first_terms_are_a_negative_elbo():
    model = made()
    descriptors.perturb(model, scale=0.1)
    image = descriptors.batch()["image"]
    drawn = [
        sum(np.asarray(value) for value in first_terms(model, (seed, 1)).values())
        for seed in range(200)
    ]

    @tf.function
    def bound(seed):
        return model.log_likelihood_bound(image, seed=seed, num_samples=1)

    # The prior of the first stage is N(0, I), that of the bound is the second stage.
    model.prior.log_prob = lambda z, training=False: (
        -0.5 * tf.reduce_sum(z**2 + np.log(2 * np.pi), axis=-1)
    )
    bounds = [bound(tf.constant((seed, 0))) for seed in range(200)]
    noise = np.std(drawn, axis=0) + np.std(bounds, axis=0)
    gap = np.mean(drawn, axis=0) + np.mean(bounds, axis=0)
    assert np.all(np.abs(gap) < 5.0 * noise / np.sqrt(200))


def test_second_stage_draws_latents_anew():
    model = made()
    _, prior_stage = model.stages()
    cached = prior_stage.cache(descriptors.images(6))
    batch = {"code": tf.constant(cached["code"])}
    one, two = (
        descriptors.update(model, "prior").terms(
            batch, seed=tf.constant((seed, 0)), training=True
        )
        for seed in (0, 1)
    )
    # At the start the second encoder is nearly a constant; its reconstruction is not.
    assert np.abs(one["latent_reconstruction"] - two["latent_reconstruction"]).min() > 0
    code = model.code(descriptors.batch()["image"])
    np.testing.assert_allclose(cached["code"], code, atol=1e-5)


def test_each_stage_trains_its_own():
    model = made()
    layers = [
        {v.path.split("/")[0] for g in u.groups for v in g.variables}
        for stage in model.stages()
        for u in stage.updates
    ]
    assert layers[0].isdisjoint(layers[1])
    variances = [v.path for v in model.reconstruction.trainable_variables]
    assert variances
    first = {v.path for g in model.stages()[0].updates[0].groups for v in g.variables}
    assert first.issuperset(variances)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"second_width": 0}, "second_width"),
        ({"second_depth": 0}, "second_depth"),
        ({"latent_dim": 0}, "latent_dim"),
    ],
)
def test_bad_options_are_refused(options, word):
    with pytest.raises(errors.InvalidValue, match=word):
        made(**options)
