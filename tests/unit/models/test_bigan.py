# SPDX-License-Identifier: Apache-2.0
"""What makes BiGAN what it is: pairs, players, penalties, scores and options."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, seeds
from glf_tf.models import bigan
from tests import descriptors

IMAGE = descriptors.batch()["image"]


def make(**changes):
    own = {"critic": None, "critic_filters": (3, 4), "critic_dropout": 0.0}
    spec = {**descriptors.MODELS["bigan"], **own, **changes}
    made = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    descriptors.perturb(made)
    return made


def terms_of(model, update, *, training=True):
    update = descriptors.update(model, update)
    return update.terms(descriptors.batch(), seed=seeds.make(0), training=training)


def pairs_of(model):
    """Images with codes, and the draws of the seed that `terms_of` gives."""
    z = model.prior.sample(6, seed=seeds.split(0, 2)[0])
    return (IMAGE, model.encode(IMAGE)), (model.decode(z), z)


def scores_of(model):
    """The critic's scores of both kinds of pairs, by its layers."""
    return [by_layers(model, *pair)[0] for pair in pairs_of(model)]


def by_layers(model, image, z):
    """The score and features of pairs, by the critic's kernels in NumPy."""
    seen = model.critic.image(image).numpy()
    values = {v.path: v.numpy() for v in model.critic.variables}

    def dense(x, branch, layer="dense_0"):
        kernel, bias = (values[f"{branch}/{layer}/{v}"] for v in ("kernel", "bias"))
        return x @ kernel + bias

    def leaky(x):
        return np.where(x > 0, x, 0.1 * x)

    both = np.concatenate([seen, leaky(dense(np.array(z), "critic_code"))], axis=1)
    features = leaky(dense(both, "critic_joint"))
    return dense(features, "critic_score", "dense_last")[:, 0], features


def softplus(x):
    return np.log1p(np.exp(x))


EXPECTED = {
    "non_saturating": (
        lambda r, m: softplus(-r) + softplus(m),
        lambda m: softplus(-m),
        lambda r: softplus(r),
    ),
    "minimax": (
        lambda r, m: softplus(-r) + softplus(m),
        lambda m: -softplus(m),
        lambda r: -softplus(-r),
    ),
    "hinge": (
        lambda r, m: np.maximum(1 - r, 0) + np.maximum(1 + m, 0),
        lambda m: -m,
        lambda r: r,
    ),
}


@pytest.mark.parametrize("loss", sorted(EXPECTED))
def test_players_minimise_the_loss_of_their_pairs(loss):
    model = make(loss=loss)
    real, made = scores_of(model)
    of_critic, of_generator, of_encoder = EXPECTED[loss]
    # Without training, so that batches are normalised as in `encode` and `decode`.
    found = terms_of(model, "critic", training=False)
    np.testing.assert_allclose(found["critic"], of_critic(real, made), rtol=1e-4)
    np.testing.assert_allclose(found["distance"], real - made, rtol=1e-3)
    np.testing.assert_array_equal(found["accuracy"], np.float32(real > made))
    both = terms_of(model, "autoencoder", training=False)
    np.testing.assert_allclose(both["generator"], of_generator(made), rtol=1e-4)
    np.testing.assert_allclose(both["encoder"], of_encoder(real), rtol=1e-4)
    error = np.sum((IMAGE - model.reconstruct(IMAGE)) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(both["reconstruction"], error, rtol=1e-4)


def test_each_player_learns_from_its_own_term_alone():
    model = make()
    parts = {"encoder": model.encoder, "generator": model.decoder}
    with tf.GradientTape(persistent=True) as tape:
        found = terms_of(model, "autoencoder")
    for player, part in parts.items():
        for term in parts:
            variables = [v.value for v in part.trainable_variables]
            slopes = tape.gradient(found[term], variables)
            assert all((slope is not None) == (term == player) for slope in slopes)
    critic, both = (descriptors.update(model, n) for n in ("critic", "autoencoder"))
    own = {id(v) for group in critic.groups for v in group.variables}
    assert own == {id(v) for v in model.critic.trainable_variables}
    assert not own & {id(v) for group in both.groups for v in group.variables}


@pytest.mark.parametrize("kind", ["zero_centred", "interpolated"])
def test_penalties_are_of_images_and_latents_together(kind):
    model = make(penalty=kind, critic_norm="none", penalty_weight=3.0)
    real, made = (tuple(map(tf.convert_to_tensor, p)) for p in pairs_of(model))
    found = terms_of(model, "critic", training=False)

    def squared(image, z):
        with tf.GradientTape() as tape:
            tape.watch((image, z))
            score = tf.reduce_sum(model.judge(image, z).score)
        slopes = tape.gradient(score, (image, z))
        return sum(np.sum(np.reshape(s, [6, -1]) ** 2, axis=1) for s in slopes)

    if kind == "zero_centred":
        expected = 0.5 * (squared(*real) + squared(*made))
        norm = np.sqrt(squared(*real))
    else:
        how = [tf.random.stateless_uniform([6, 1, 1, 1], seeds.split(0, 2)[1])]
        image = real[0] + how[0] * (made[0] - real[0])
        z = real[1] + how[0][:, 0, 0] * (made[1] - real[1])
        norm = np.sqrt(squared(image, z))
        expected = (np.sqrt(1e-4 + norm**2) - 1.0) ** 2
    np.testing.assert_allclose(found["penalty"], expected, rtol=1e-3)
    np.testing.assert_allclose(found["gradient_norm"], norm, rtol=1e-3)
    assert descriptors.update(model, "critic").weights["penalty"] == 3.0


@pytest.mark.parametrize("score", bigan.BiGAN.anomaly_scores)
def test_scores_of_anomalies_are_the_published_formula(score):
    model = make(anomaly_score=score, anomaly_weight=0.2)
    z, found = model.encode(IMAGE), model.reconstruct(IMAGE)
    error = np.abs((2 * IMAGE - 1) - (2 * found - 1)).sum((1, 2, 3))
    judged = {"cross_entropy": found, "cross_entropy_of_image": IMAGE}
    if score in judged:
        unlike = softplus(-by_layers(model, judged[score], z)[0])
    else:
        features = [by_layers(model, image, z)[1] for image in (IMAGE, found)]
        unlike = np.abs(features[0] - features[1]).sum(axis=1)
    terms = model.anomaly_terms(IMAGE)
    assert list(terms) == ["error", "critic"]
    np.testing.assert_allclose(terms["error"], 0.8 * error, rtol=1e-4)
    np.testing.assert_allclose(terms["critic"], 0.2 * unlike, rtol=1e-4)
    asked = model.anomaly_terms(IMAGE, score=score)
    np.testing.assert_array_equal(asked["critic"], terms["critic"])
    for other in set(model.anomaly_scores) - {score}:
        differs = model.anomaly_terms(IMAGE, score=other)["critic"]
        assert np.abs(differs - terms["critic"]).max() > 1e-3


def test_dropout_is_of_training_alone():
    dropping = make(critic_dropout=0.9)
    pair = pairs_of(dropping)[0]
    first, second = (dropping.judge(*pair).score for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, by_layers(dropping, *pair)[0], rtol=1e-4)
    drawn = [dropping.judge(*pair, training=True).score for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3
    kept = dropping.anomaly_terms(IMAGE)["critic"]
    np.testing.assert_array_equal(dropping.anomaly_terms(IMAGE)["critic"], kept)
    assert not any(v.path.endswith("count") for v in make().variables)


def test_the_released_sizes_are_the_defaults():
    model = bigan.BiGAN((28, 28, 1), latent_dim=200)
    kernels = {v.path: v.shape for v in model.variables if v.path.endswith("kernel")}
    assert kernels == {
        "encoder/conv_0/kernel": (3, 3, 1, 32),
        "encoder/conv_1/kernel": (3, 3, 32, 64),
        "encoder/conv_2/kernel": (3, 3, 64, 128),
        "encoder/dense_last/kernel": (7 * 7 * 128, 200),
        "decoder/dense_0/kernel": (200, 1024),
        "decoder/dense_1/kernel": (1024, 7 * 7 * 128),
        "decoder/deconv_2/kernel": (4, 4, 64, 128),
        "decoder/deconv_3/kernel": (4, 4, 1, 64),
        "critic_image/conv_0/kernel": (4, 4, 1, 64),
        "critic_image/conv_1/kernel": (4, 4, 64, 64),
        "critic_code/dense_0/kernel": (200, 512),
        "critic_joint/dense_0/kernel": (7 * 7 * 64 + 512, 1024),
        "critic_score/dense_last/kernel": (1024, 1),
    }


def own_branch():
    image = [keras.Input(descriptors.IMAGE_SHAPE), keras.layers.Flatten()]
    return keras.Sequential([*image, keras.layers.Dense(7)])


@pytest.mark.parametrize("critic", [{"name": "mlp", "hidden": (5,)}, own_branch])
def test_the_branch_of_images_may_be_another(critic):
    is_own = callable(critic)
    model = make(critic=critic() if is_own else critic)
    seen = model.critic.image(IMAGE)
    assert seen.shape == (6, 7 if is_own else 6)
    code = model.critic.code(model.encode(IMAGE))
    both = np.concatenate([np.where(seen > 0, seen, 0.1 * seen), code], axis=1)
    score = model.critic.last(model.critic.joint(both))[:, 0]
    np.testing.assert_allclose(
        model.judge(IMAGE, model.encode(IMAGE)).score, score, rtol=1e-4
    )
    paths = [v.path for v in model.critic.image.variables]
    assert all(path.startswith("critic_image/") for path in paths)


def test_spectral_norms_are_of_all_branches():
    model = make(critic_norm="spectral")
    names = {v.path for v in model.critic.variables if v.path.endswith("/u")}
    kernels = {v.path for v in model.critic.variables if v.path.endswith("/kernel")}
    assert len(names) == len(kernels) == 5


def test_reconstructions_are_learned_where_they_have_a_weight():
    model = make(reconstruction_weight=5.0)
    assert descriptors.update(model, "autoencoder").weights["reconstruction"] == 5.0
    with tf.GradientTape() as tape:
        error = terms_of(model, "autoencoder")["reconstruction"]
    parts = (model.encoder, model.decoder)
    variables = [v.value for part in parts for v in part.trainable_variables]
    assert all(slope is not None for slope in tape.gradient(error, variables))


def test_what_is_only_measured_moves_no_averages_of_the_decoder():
    network = {"name": "egbad", "filters": 2, "hidden": 6}
    moved = {}
    for weight in (0.0, 1.0):
        keras.utils.set_random_seed(0)
        model = make(network=network, reconstruction_weight=weight)
        terms_of(model, "autoencoder")
        moved[weight] = {v.path: v.numpy() for v in model.decoder.variables}
    keras.utils.set_random_seed(0)
    model = make(network=network)
    model.decoder(pairs_of(model)[1][1], training=True)
    for v in model.decoder.variables:
        np.testing.assert_array_equal(moved[0.0][v.path], v.numpy())
    names = [path for path in moved[1.0] if "moving_mean" in path]
    assert all(np.any(moved[1.0][name] != moved[0.0][name]) for name in names)


BAD = {
    "anomaly_weight": ({"anomaly_weight": 1.5}, "share in the score"),
    "filters": ({"critic_filters": ()}, "critic_filters"),
    "width": ({"critic_width": 0}, "critic_width"),
    "code_width": ({"critic_code_width": 0}, "critic_code_width"),
    "dropout": ({"critic_dropout": 1.0}, "dropout"),
    "weight": ({"reconstruction_weight": -1.0}, "reconstruction_weight"),
    "penalty_weight": ({"penalty_weight": -1.0}, "penalty_weight"),
    "no_penalty": ({"penalty_weight": 1.0}, "of a penalty"),
    "penalty": ({"penalty": "zero_centred"}, "couple"),
    "spectral": ({"critic": own_branch(), "critic_norm": "spectral"}, "critic_norm"),
    "learned": ({"reconstruction": "learned_gaussian"}, "minimised"),
    "contested": ({"reconstruction": "patch_adversarial"}, "critic"),
    "loss": ({"loss": "wasserstein"}, "loss"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_options_are_refused_in_one_line(case):
    changes, word = BAD[case]
    kinds = (errors.InvalidValue, errors.Unsupported)
    with pytest.raises(kinds, match=word) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)


def test_unknown_scores_are_refused():
    with pytest.raises(errors.InvalidValue, match="feature_matching"):
        make().anomaly_terms(IMAGE, score="feature")
    with pytest.raises(errors.InvalidValue, match="shape"):
        make().anomaly_terms(IMAGE[:, :4])
