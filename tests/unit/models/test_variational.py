# SPDX-License-Identifier: Apache-2.0
"""Variational autoencoders against SciPy and against exact likelihoods."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from glf_tf import catalogue, errors
from glf_tf.models import variational
from glf_tf.training import stages
from tests import descriptors

GENERATOR = np.random.default_rng(0)
MEAN = GENERATOR.normal(size=(5, 3)).astype(np.float32)
LOG_SCALE = GENERATOR.normal(size=(5, 3)).astype(np.float32)
NOISE = GENERATOR.normal(size=(5, 3)).astype(np.float32)
NORMAL = variational.DiagonalNormal(tf.constant(MEAN), tf.constant(LOG_SCALE))
FLOWS = ("vae_flow_posterior", "vae_flow_posterior_shared")
NAMES = ("vae", "vae_flow_prior", "vae_vamp_prior", *FLOWS)


def terms_of(model, *, training=False, seed=(0, 1)):
    return descriptors.update(model, "joint").terms(
        descriptors.batch(), seed=tf.constant(seed), training=training
    )


def test_normal_agrees_with_scipy():
    expected = stats.norm(MEAN, np.exp(LOG_SCALE))
    z = NORMAL.sample(NOISE)
    np.testing.assert_allclose(
        NORMAL.log_prob_of_noise(NOISE), expected.logpdf(z).sum(axis=1), rtol=1e-5
    )
    np.testing.assert_allclose(
        NORMAL.entropy(), expected.entropy().sum(axis=1), rtol=1e-5
    )


def test_kl_is_the_mean_gap_of_log_densities():
    draws = GENERATOR.normal(size=(200_000, 5, 3))
    z = MEAN + np.exp(LOG_SCALE) * draws
    gap = stats.norm(MEAN, np.exp(LOG_SCALE)).logpdf(z) - stats.norm.logpdf(z)
    expected = gap.sum(axis=2).mean(axis=0)
    np.testing.assert_allclose(NORMAL.kl_to_standard_normal(), expected, rtol=2e-2)


@pytest.mark.parametrize("name", NAMES)
def test_elbo_is_the_bound_of_one_sample(name):
    """Terms and `log_likelihood_bound` are two ways to the same number."""
    model, image = descriptors.model(name), descriptors.batch()["image"]

    @tf.function
    def both(seed):
        terms = descriptors.update(model, "joint").terms(
            {"image": image}, seed=seed, training=False
        )
        bound = model.log_likelihood_bound(image, seed=seed, num_samples=1)
        return terms["negative_elbo"], -bound

    drawn = [both(tf.constant((seed, 0))) for seed in range(400)]
    elbos, bounds = np.array(drawn).swapaxes(0, 1)
    gap = np.mean(elbos, axis=0) - np.mean(bounds, axis=0)
    noise = np.std(elbos, axis=0) + np.std(bounds, axis=0)
    assert np.all(np.abs(gap) < 5.0 * noise / np.sqrt(400))


@pytest.mark.parametrize("name", NAMES)
def test_more_samples_raise_the_bound(name):
    model, image = descriptors.model(name), descriptors.batch()["image"]

    @tf.function
    def bound(seed, count):
        return model.log_likelihood_bound(image, seed=seed, num_samples=count)

    means = [
        np.mean([bound(tf.constant((seed, 1)), count) for seed in range(30)])
        for count in (1, 8, 64)
    ]
    assert means[0] < means[1] < means[2]


def test_bound_reaches_the_exact_likelihood():
    """One latent, integrated on a grid."""
    spec = {**descriptors.MODELS["vae"], "latent_dim": 1}
    model = catalogue.build("model", spec, image_shape=(8, 8, 1))
    descriptors.perturb(model, scale=0.1)
    image = descriptors.batch(2)["image"]
    grid = np.linspace(-8, 8, 4001, dtype=np.float32)[:, None]
    logits = np.asarray(model.decoder(grid)).astype(np.float64)
    exact = []
    for item in np.asarray(image, np.float64):
        log_p = item * -np.logaddexp(0, -logits) + (1 - item) * -np.logaddexp(0, logits)
        joint = log_p.sum(axis=(1, 2, 3)) + stats.norm.logpdf(grid[:, 0])
        exact.append(special.logsumexp(joint) + np.log(grid[1, 0] - grid[0, 0]))
    bound = tf.function(model.log_likelihood_bound)(image, seed=0, num_samples=4000)
    np.testing.assert_allclose(bound, exact, atol=0.05)


def test_density_of_the_carried_posterior():
    """log q(z | x) is that of z_0, moved by the Jacobian of the flows."""
    model = descriptors.model("vae_flow_posterior")
    code = model.code(descriptors.batch()["image"])
    z = model.normal_of(code).sample(NOISE[:1, :1] * tf.ones([6, 4]))
    with tf.GradientTape() as tape:
        tape.watch(z)
        carried, log_det = model._carry(z, code)
    jacobian = tape.batch_jacobian(carried, z)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], atol=1e-4)


def test_flows_are_the_identity_at_the_start():
    spec = descriptors.MODELS["vae_flow_posterior_shared"]
    model = catalogue.build("model", spec, image_shape=(8, 8, 1))
    code = model.code(descriptors.batch()["image"])
    z = model.normal_of(code).mean
    np.testing.assert_allclose(model._carry(z, code)[0], z, atol=1e-6)


@pytest.mark.parametrize(
    ("warm_up", "rising"),
    [
        ("none", set()),
        ("joint", {"reconstruction", "cross_entropy"}),
        ("kl", {"cross_entropy", "negative_entropy"}),
    ],
)
def test_warm_up_tempers_what_it_says(warm_up, rising):
    spec = {
        **descriptors.MODELS["vae_flow_posterior"],
        "warm_up": warm_up,
        "warm_up_steps": 100,
    }
    model = catalogue.build("model", spec, image_shape=(8, 8, 1))
    weights = descriptors.update(model, "joint").weights
    ramps = {name for name, item in weights.items() if isinstance(item, stages.Ramp)}
    assert ramps == rising
    assert all(float(weights[name](0)) == pytest.approx(0.01) for name in rising)
    assert all(float(weights[name](99)) == pytest.approx(1.0) for name in rising)
    assert weights["negative_elbo"] == 0.0


def test_elbo_is_measured_without_weights():
    weighted = {"beta": 10.0, "prior_weight": 3.0}
    spec = {**descriptors.MODELS["vae_flow_prior"], **weighted}
    model = catalogue.build("model", spec, image_shape=(8, 8, 1))
    terms = terms_of(model)
    total = terms["reconstruction"] + terms["nll"] + terms["negative_entropy"]
    np.testing.assert_allclose(terms["negative_elbo"], total, rtol=1e-6)
    weights = descriptors.update(model, "joint").weights
    assert (weights["reconstruction"], weights["nll"]) == (10.0, 3.0)


def test_likelihood_reaches_the_encoder_of_a_flow_prior():
    """Where GLF stops the gradient, the VAE with a flow prior does not."""
    model = descriptors.model("vae_flow_prior")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(terms_of(model, training=True)["nll"])
    values = [variable.value for variable in model.encoder.trainable_variables]
    assert all(np.any(gradient) for gradient in tape.gradient(loss, values))


def test_reconstruction_that_is_no_likelihood_bounds_nothing():
    spec = {**descriptors.MODELS["vae"], "reconstruction": "squared_error"}
    model = catalogue.build("model", spec, image_shape=(8, 8, 1))
    image = descriptors.batch()["image"]
    with pytest.raises(errors.Unsupported, match="gaussian or bernoulli"):
        model.log_likelihood_bound(image, seed=0, num_samples=1)
    with pytest.raises(errors.InvalidValue, match="at least 1 sample"):
        model.log_likelihood_bound(image, seed=0, num_samples=0)


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("vae", {"kl_weight": -1.0}, "kl_weight"),
        ("vae", {"latent_dim": 0}, "latent_dim"),
        ("vae_flow_prior", {"latent_dim": 1}, "halve"),
        ("vae_flow_prior", {"beta": float("nan")}, "beta"),
        ("vae_flow_posterior", {"flows": 0}, "flows"),
        ("vae_flow_posterior", {"warm_up_steps": 0}, "warm_up_steps"),
    ],
)
def test_bad_options_are_refused(name, options, word):
    with pytest.raises(errors.InvalidValue, match=word):
        catalogue.build(
            "model", {**descriptors.MODELS[name], **options}, image_shape=(8, 8, 1)
        )
