# SPDX-License-Identifier: Apache-2.0
"""The three divergences of EBM-VAE where all densities are normal.

Images have two pixels, and are normal; the encoder's means and the decoder are linear,
and the energy is quadratic. So all three joint densities are normal, and their
divergences and gradients are known.
"""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import seeds
from glf_tf.models import ebm_vae, joint_critics
from glf_tf.networks import joint_critic
from tests import descriptors

PIXELS, LATENTS = 2, 2
SPREAD = 0.05
"""Deviation of pixels in [0, 1], so small that none is cut off."""

SIGMA = 0.08
"""Deviation of the decoder's pixels in [-1, 1]."""

COUNT = 200_000

_draw = np.random.default_rng(0).normal
IMAGE_MEAN = 0.5 + SPREAD * np.array([0.3, -0.4])
IMAGE_SCALE = SPREAD * np.array([[1.0, 0.0], [0.5, 0.8]])
PARAMETERS = {
    "encoder": {
        "kernel": 0.4 * _draw(size=(PIXELS, LATENTS)) / SPREAD,
        "bias": np.array([0.3, -0.2]),
        "log_scale": np.array([-0.5, 0.2]),
    },
    "decoder": {
        "kernel": 0.8 * SPREAD * _draw(size=(LATENTS, PIXELS)),
        "bias": 0.5 + SPREAD * np.array([-0.2, 0.5]),
    },
    "energy": {"factor": np.eye(4) + 0.3 * np.tril(_draw(size=(4, 4)))},
}


class LinearNormal(keras.layers.Layer):
    """An encoder with linear means, and the same scales for all images."""

    def build(self, input_shape):
        own = PARAMETERS["encoder"]
        for name, values in own.items():
            weight = self.add_weight(name=name, shape=values.shape)
            weight.assign(values)
            setattr(self, f"own_{name}", weight)

    def call(self, image):
        flat = tf.reshape(image, [-1, PIXELS])
        mean = flat @ self.own_kernel + self.own_bias
        log_scale = tf.ones_like(mean) * self.own_log_scale
        return tf.concat([mean, log_scale], axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * LATENTS)


def decoder():
    made = keras.Sequential(
        [
            keras.Input((LATENTS,)),
            keras.layers.Dense(PIXELS),
            keras.layers.Reshape((1, PIXELS, 1)),
        ]
    )
    made.layers[0].set_weights(list(PARAMETERS["decoder"].values()))
    return made


@pytest.fixture
def model(monkeypatch):
    """A model with a quadratic energy, whose factor is `energy_factor`."""
    factor = tf.Variable(PARAMETERS["energy"]["factor"], dtype=tf.float32)

    def judge(critic, image, z, *, training):
        del critic, training
        pixels = (tf.reshape(image, [-1, PIXELS]) - 0.5) / SPREAD
        both = tf.concat([pixels, z], axis=1) @ factor
        return joint_critic.Judgement(0.5 * tf.reduce_sum(both**2, axis=1), both)

    monkeypatch.setattr(joint_critics, "judge", judge)
    made = ebm_vae.EBMVAE(
        (1, PIXELS, 1),
        encoder=LinearNormal(),
        decoder=decoder(),
        decoder_output="images",
        reconstruction={"name": "signed_gaussian", "sigma": SIGMA},
        energy_form="identity",
        critic={"name": "mlp", "hidden": (2,)},
    )
    return made, factor


@pytest.fixture
def found(model):
    """The mean of each term, and its gradients by player and parameter."""
    made, factor = model
    noise = tf.random.stateless_normal([COUNT, PIXELS], [1, 2])
    image = IMAGE_MEAN + noise @ IMAGE_SCALE.T.astype(np.float32)
    assert np.abs(image - 0.5).max() < 0.49
    batch = {"image": tf.reshape(tf.cast(image, tf.float32), [-1, 1, PIXELS, 1])}
    players = {
        "encoder": [v.value for v in made.encoder.trainable_variables],
        "decoder": [v.value for v in made.decoder.trainable_variables],
        "energy": [factor],
    }
    how = {"seed": seeds.make(5), "training": True}
    with tf.GradientTape(persistent=True) as tape:
        terms = {}
        for name in ("critic", "autoencoder"):
            update = descriptors.update(made, name)
            terms |= update.terms(batch, **how)
        means = {name: tf.reduce_mean(term) for name, term in terms.items()}
    slopes = {
        name: {
            player: dict(zip(PARAMETERS[player], tape.gradient(mean, own), strict=True))
            for player, own in players.items()
        }
        for name, mean in means.items()
    }
    return means, slopes


def kl(left, right):
    """The divergence of one normal density from another, in nats."""
    (left_mean, left_cov), (right_mean, right_cov) = left, right
    gap = (right_mean - left_mean)[:, None]
    size = left_cov.shape[0]
    trace = tf.linalg.trace(tf.linalg.solve(right_cov, left_cov))
    log_dets = tf.linalg.logdet(right_cov) - tf.linalg.logdet(left_cov)
    mahalanobis = tf.reduce_sum(gap * tf.linalg.solve(right_cov, gap))
    return 0.5 * (trace + mahalanobis - size + log_dets)


def blocks(a, b, c):
    upper, lower = tf.concat([a, b], 1), tf.concat([tf.transpose(b), c], 1)
    return tf.concat([upper, lower], axis=0)


def known():
    """The three divergences, and their gradients by player and parameter."""
    own = {
        player: {name: tf.Variable(v, dtype=tf.float64) for name, v in values.items()}
        for player, values in PARAMETERS.items()
    }
    with tf.GradientTape(persistent=True) as tape:
        encoder, decoder, energy = own["encoder"], own["decoder"], own["energy"]
        seen = tf.constant(IMAGE_SCALE @ IMAGE_SCALE.T)
        slope = tf.transpose(encoder["kernel"])
        noise = tf.linalg.diag(tf.exp(2.0 * encoder["log_scale"]))
        code = tf.linalg.matvec(slope, IMAGE_MEAN) + encoder["bias"]
        spread = slope @ seen @ tf.transpose(slope) + noise
        q = (
            tf.concat([IMAGE_MEAN, code], 0),
            blocks(seen, seen @ tf.transpose(slope), spread),
        )
        slope = tf.transpose(decoder["kernel"])
        noise = (SIGMA / 2.0) ** 2 * tf.eye(PIXELS, dtype=tf.float64)
        spread = slope @ tf.transpose(slope) + noise
        none, one = tf.zeros(LATENTS, tf.float64), tf.eye(LATENTS, dtype=tf.float64)
        p = (tf.concat([decoder["bias"], none], 0), blocks(spread, slope, one))
        unit = tf.constant(np.diag([SPREAD] * PIXELS + [1.0] * LATENTS))
        precision = energy["factor"] @ tf.transpose(energy["factor"])
        centre = np.array([0.5] * PIXELS + [0.0] * LATENTS)
        pi = (tf.constant(centre), unit @ tf.linalg.inv(precision) @ unit)
        values = {"q_p": kl(q, p), "p_pi": kl(p, pi), "q_pi": kl(q, pi)}
        # E at draws of P is on average this much larger than at their means.
        share = (SIGMA / 2.0 / SPREAD) ** 2
        values["noise"] = 0.5 * share * tf.linalg.trace(precision[:PIXELS, :PIXELS])
    slopes = {
        name: {
            player: {
                key: tape.gradient(value, v, unconnected_gradients="zero").numpy()
                for key, v in own[player].items()
            }
            for player in own
        }
        for name, value in values.items()
    }
    return values, slopes


def check(found, expected):
    """Compares gradients of a player, up to the error of so many draws."""
    for name, slope in found.items():
        expected_slope = expected(name)
        scale = np.abs(expected_slope).max()
        assert scale > 0.05  # or nothing would be compared
        np.testing.assert_allclose(slope, expected_slope, atol=0.02 * scale, rtol=0.02)


def test_the_negative_elbo_is_the_divergence_of_the_vae(found):
    means, slopes = found
    values, expected = known()
    # Of pixels in [-1, 1], as the likelihood is.
    log_det = np.linalg.slogdet(2.0 * IMAGE_SCALE)[1]
    entropy = log_det + 0.5 * PIXELS * (1.0 + math.log(2.0 * math.pi))
    np.testing.assert_allclose(
        means["negative_elbo"] - entropy, values["q_p"], rtol=0.01
    )
    for player in ("encoder", "decoder"):
        own = slopes["negative_elbo"][player]
        check(own, lambda name, player=player: expected["q_p"][player][name])


def test_the_decoder_comes_closer_to_the_energy(found):
    _, slopes = found
    _, expected = known()
    check(
        slopes["generator"]["decoder"], lambda name: expected["p_pi"]["decoder"][name]
    )
    assert all(slope is None for slope in slopes["generator"]["encoder"].values())


def test_the_encoder_goes_away_from_the_energy(found):
    _, slopes = found
    _, expected = known()
    both = dict(slopes["encoder"]["encoder"])
    both["log_scale"] -= slopes["negative_entropy"]["encoder"]["log_scale"]
    check(both, lambda name: -expected["q_pi"]["encoder"][name])
    assert all(slope is None for slope in slopes["encoder"]["decoder"].values())


def test_the_energy_ascends_both_of_its_divergences(found):
    means, slopes = found
    _, expected = known()

    def ascent(name):
        own = {key: expected[key]["energy"][name] for key in expected}
        return own["q_pi"] - own["p_pi"] + own["noise"]

    check(slopes["energy"]["energy"], ascent)
    np.testing.assert_allclose(means["energy"], -means["distance"], rtol=1e-5)


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_the_sum_of_all_terms_is_the_triangle(found, weight):
    """Encoder and decoder get the gradient of the whole objective, and no other."""
    _, slopes = found
    _, expected = known()
    made = ebm_vae.EBMVAE((4, 4, 1), vae_weight=weight, network="mlp")
    weights = descriptors.update(made, "autoencoder").weights
    for player in ("encoder", "decoder"):

        def whole(name, player=player):
            own = {key: expected[key][player][name] for key in expected}
            return weight * own["q_p"] + own["p_pi"] - own["q_pi"]

        total = {
            name: sum(
                share * slopes[term][player][name]
                for term, share in weights.items()
                if share and slopes[term][player][name] is not None
            )
            for name in PARAMETERS[player]
        }
        check(total, whole)
