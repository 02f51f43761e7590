# SPDX-License-Identifier: Apache-2.0
"""Noise on codes in training, and samples without it."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, parts, seeds
from glf_tf.models import glf, lfbm, rae
from tests import descriptors

FLOW = {"name": "tarflow", "blocks": 1, "token_dim": 2, "hidden": 4, "head_dim": 2}
SHAPE = descriptors.IMAGE_SHAPE
MLP = {"name": "mlp", "hidden": (6,)}


def made(**options):
    spec = {"name": "flow", "flow": FLOW, "smoothing": 0.5, **options}
    return parts.make("prior", spec, latent_dim=3)


def codes(count=500):
    drawn = np.random.default_rng(0).normal(size=(count, 3))
    return np.float32([1.0, 0.0, -2.0] + [2.0, 30.0, 0.1] * drawn)


def test_noise_is_a_share_of_the_codes_deviation_in_training_alone():
    prior, z = made(), codes()
    prior.start(z)
    of_noise, _ = seeds.split(1, 2)
    noise = prior.smoothing.noisy(z, seed=of_noise) - z
    np.testing.assert_allclose(np.std(noise, 0), 0.5 * np.std(z, 0), rtol=0.1)
    trained = prior.terms(z, seed=1, training=True)["nll"]
    np.testing.assert_allclose(trained, -prior.log_prob(z + noise), rtol=1e-5)
    measured = prior.terms(z, seed=1, training=False)["nll"]
    np.testing.assert_array_equal(measured, -prior.log_prob(z))
    other = prior.terms(z, seed=2, training=True)["nll"]
    assert np.abs(other - trained).max() > 1e-3


def test_samples_are_denoised_by_the_gradient():
    noisy, prior = made(denoising=False), made()
    noisy.start(codes())
    descriptors.perturb(noisy, scale=0.1)
    prior.set_weights(noisy.get_weights())
    z = noisy.sample(4, seed=0)
    with tf.GradientTape() as tape:
        tape.watch(z)
        log_prob = prior.log_prob(z)
    sigma = 0.5 * np.std(codes(), 0)
    expected = z + sigma**2 * tape.gradient(log_prob, z)
    found = tf.function(lambda: prior.sample(4, seed=0))()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert np.abs(found - z).max() > 1e-2


def test_a_normal_density_is_denoised_to_its_shrunk_draws():
    """Codes of N(0, 1) with noise are N(0, 1 + s^2); the mean is z / (1 + s^2)."""
    plain = {"name": "real_nvp", "blocks": 1, "hidden": 4, "batch_norm": False}
    prior = made(flow=plain)
    z = prior.smoothing.denoised(tf.ones([1, 3]), lambda z: -tf.reduce_sum(z**2) / 2.5)
    np.testing.assert_allclose(z, np.full([1, 3], 0.8), rtol=1e-6)
    assert prior.starts
    assert not made(flow=plain, smoothing=0.0).starts


def test_fitted_noise_is_that_of_noisy_codes():
    prior, z = made(components=1), codes()
    prior.start(z)
    prior.fit_noise(z)
    eps = prior.inverse(prior.smoothing.noisy(z, seed=0))
    log_prob = prior.noise.log_prob(eps)
    expected = parts.make("prior", {"name": "mixture", "components": 1}, latent_dim=3)
    expected.fit(np.array(eps))
    np.testing.assert_allclose(log_prob, expected.log_prob(eps), rtol=1e-4)


def test_the_stage_on_codes_has_noise():
    prior = {"name": "flow", "flow": FLOW, "smoothing": 0.5}
    model = rae.RAE(SHAPE, latent_dim=3, network=MLP, prior=prior)
    stage = model.stages()[1]
    stage.prepare(descriptors.images())
    z = model.encode_all(descriptors.images())
    np.testing.assert_allclose(model.prior.smoothing.deviation, np.std(z, 0), rtol=1e-4)
    (update,), batch = stage.updates, {"z": tf.constant(z)}
    found = [
        update.measure(batch, seed=tf.constant([0, seed]), training=True)["nll"]
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-3


def test_moving_codes_have_none():
    prior = {"name": "flow", "flow": FLOW, "smoothing": 0.5}
    with pytest.raises(errors.InvalidValue, match="FlowPrior with smoothing") as said:
        lfbm.LFBM(SHAPE, latent_dim=3, prior=prior)
    assert "\n" not in str(said.value)
    assert not glf.GLF(SHAPE, latent_dim=3, network=MLP).prior.is_smoothed


@pytest.mark.parametrize("share", [-0.1, float("nan"), float("inf")])
def test_bad_shares_are_refused_in_a_line(share):
    with pytest.raises(errors.InvalidValue, match="smoothing=") as said:
        made(smoothing=share)
    assert "\n" not in str(said.value)
