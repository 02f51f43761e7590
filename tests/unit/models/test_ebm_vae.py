# SPDX-License-Identifier: Apache-2.0
"""What makes EBM-VAE what it is: the energy, its players, scores and options."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, seeds
from glf_tf.models import ebm_vae
from tests import descriptors

IMAGE = descriptors.batch()["image"]


def make(**changes):
    spec = {**descriptors.MODELS["ebm_vae"], **changes}
    made = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    descriptors.perturb(made)
    return made


def terms_of(model, update, *, training=False):
    update = descriptors.update(model, update)
    return update.terms(descriptors.batch(), seed=seeds.make(0), training=training)


def pairs_of(model):
    """Draws of both joint densities, with the seeds that `terms_of` gives."""
    code_seed, noise_seed = seeds.split(0, 2)
    code = model.encoder(IMAGE).numpy()
    noise = tf.random.stateless_normal([6, 4], code_seed).numpy()
    z = code[:, :4] + np.exp(code[:, 4:]) * noise
    drawn = model.prior.sample(6, seed=noise_seed)
    return (IMAGE, z), (model.decode(drawn), drawn.numpy())


def network_output(model, image, z):
    """The output h for pairs, by the critic's kernels over their norms in NumPy."""
    seen = model.critic.image(image).numpy()
    values = {v.path: v.numpy() for v in model.critic.variables}

    def dense(x, branch, layer="dense_0"):
        path = f"{branch}/{layer}"
        kernel, bias = (values[f"{path}/{layer}/{v}"] for v in ("kernel", "bias"))
        return x @ kernel / np.linalg.norm(kernel @ values[f"{path}/u"]) + bias

    def leaky(x):
        return np.where(x > 0, x, 0.1 * x)

    both = np.concatenate([seen, leaky(dense(np.array(z), "critic_code"))], axis=1)
    features = leaky(dense(both, "critic_joint"))
    return dense(features, "critic_score", "dense_last")[:, 0]


FORMS = {"softplus": lambda h: np.log1p(np.exp(h)), "identity": lambda h: h}


@pytest.mark.parametrize("scale", [1.0, 4.0])
@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_energy_falls_at_codes_and_rises_at_draws(form, scale):
    model = make(energy_form=form, energy_scale=scale)
    outputs = [network_output(model, *pair) for pair in pairs_of(model)]
    data, made = (scale * FORMS[form](output) for output in outputs)
    found = terms_of(model, "critic")
    np.testing.assert_allclose(found["energy"], data - made, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found["distance"], made - data, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(found["accuracy"], np.float32(made > data))
    both = terms_of(model, "autoencoder")
    np.testing.assert_allclose(both["encoder"], -data, rtol=1e-4)
    np.testing.assert_allclose(both["generator"], made, rtol=1e-4)


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_the_rest_is_the_negative_elbo(weight):
    model = make(vae_weight=weight, reconstruction={"name": "gaussian"})
    (_, z), _ = pairs_of(model)
    code = model.encoder(IMAGE).numpy()
    found = terms_of(model, "autoencoder")
    log_scale, constant = code[:, 4:].sum(axis=1), 0.5 * np.log(2 * np.pi)
    error = np.square(IMAGE - model.decode(z)).sum(axis=(1, 2, 3))
    # The default variance of `gaussian` is 1/2: the squared error, up to a constant.
    expected = error + 64 * 0.5 * np.log(np.pi)
    np.testing.assert_allclose(found["reconstruction"], expected, rtol=1e-4)
    nll = 0.5 * np.square(z).sum(axis=1) + 4 * constant
    np.testing.assert_allclose(found["nll"], nll, rtol=1e-4)
    entropy = log_scale + 4 * (0.5 + constant)
    np.testing.assert_allclose(found["negative_entropy"], -entropy, rtol=1e-4)
    np.testing.assert_allclose(found["kl"], nll - entropy, rtol=1e-4)
    whole = expected + nll - entropy
    np.testing.assert_allclose(found["negative_elbo"], whole, rtol=1e-4)
    assert descriptors.update(model, "autoencoder").weights == {
        "reconstruction": weight,
        "nll": weight,
        "negative_entropy": weight - 1.0,
        "encoder": 1.0,
        "generator": 1.0,
        "kl": 0.0,
        "negative_elbo": 0.0,
    }
    weights = descriptors.update(model, "critic").weights
    assert weights == {"energy": 1.0, "accuracy": 0.0, "distance": 0.0}


LEARN_FROM = {
    "reconstruction": {"encoder", "decoder"},
    "nll": {"encoder"},
    "negative_entropy": {"encoder"},
    "encoder": {"encoder"},
    "generator": {"decoder"},
}
"""Who has a gradient of a term that is minimised."""


def test_each_player_learns_from_its_own_terms_alone():
    model = make()
    parts = {"encoder": model.encoder, "decoder": model.decoder}
    with tf.GradientTape(persistent=True) as tape:
        found = terms_of(model, "autoencoder", training=True)
    for term, players in LEARN_FROM.items():
        for player, part in parts.items():
            slopes = tape.gradient(
                found[term], [v.value for v in part.trainable_variables]
            )
            assert any(slope is not None for slope in slopes) == (player in players)
    owned = {
        update.name: {id(v) for group in update.groups for v in group.variables}
        for stage in model.stages()
        for update in stage.updates
    }
    both = [*model.encoder.trainable_variables, *model.decoder.trainable_variables]
    assert owned == {
        "critic": {id(v) for v in model.critic.trainable_variables},
        "autoencoder": {id(v) for v in both},
    }


def test_all_kernels_of_the_energy_are_normalised_unless_told_otherwise():
    for norm, expected in (("spectral", 5), ("none", 0)):
        variables = make(critic_norm=norm).critic.variables
        assert sum(v.path.endswith("/u") for v in variables) == expected
        assert sum(v.path.endswith("/kernel") for v in variables) == 5


@pytest.mark.parametrize("score", ebm_vae.EBMVAE.anomaly_scores)
def test_scores_of_anomalies(score):
    model = make(anomaly_score=score)
    z = model.encode(IMAGE)
    energy = np.log1p(np.exp(network_output(model, IMAGE, z)))
    joint = -model.log_joint(IMAGE, z).numpy()
    expected = {"energy": energy, "generator": joint}
    served = model.signatures()["score"](image=IMAGE)
    np.testing.assert_allclose(served["score"], expected[score], rtol=1e-4)
    for other in model.anomaly_scores:
        terms = model.anomaly_terms(IMAGE, score=other)
        np.testing.assert_allclose(sum(terms.values()), expected[other], rtol=1e-4)
        none = model.anomaly_terms(IMAGE[:0], score=other)
        assert {k: v.shape for k, v in none.items()} == dict.fromkeys(terms, (0,))
    assert list(model.anomaly_terms(IMAGE)) == {
        "energy": ["energy"],
        "generator": ["reconstruction", "nll"],
    }.get(score)


def test_default_sizes():
    model = ebm_vae.EBMVAE((28, 28, 1), critic_norm="none")
    variables = model.critic.trainable_variables
    kernels = {v.path: v.shape for v in variables if v.path.endswith("kernel")}
    assert kernels == {
        "critic_image/conv_0/kernel": (4, 4, 1, 64),
        "critic_image/conv_1/kernel": (4, 4, 64, 128),
        "critic_code/dense_0/kernel": (64, 512),
        "critic_joint/dense_0/kernel": (7 * 7 * 128 + 512, 1024),
        "critic_score/dense_last/kernel": (1024, 1),
    }


def own_branch():
    image = [keras.Input(descriptors.IMAGE_SHAPE), keras.layers.Flatten()]
    return keras.Sequential([*image, keras.layers.Dense(7)])


def test_the_branch_of_images_may_be_another():
    own = make(critic=own_branch(), critic_norm="none")
    assert own.critic.image(IMAGE).shape == (6, 7)
    family = make(critic={"name": "mlp", "hidden": (5,)})
    assert family.critic.image(IMAGE).shape == (6, 6)
    assert sum(v.path.endswith("/u") for v in family.critic.image.variables) == 2


BAD = {
    "filters": ({"critic_filters": (0,)}, "critic_filters"),
    "width": ({"critic_width": 0}, "critic_width"),
    "code_width": ({"critic_code_width": 0}, "critic_code_width"),
    "vae_weight": ({"vae_weight": 0.5}, "entropy of posteriors"),
    "endless": ({"vae_weight": float("inf")}, "vae_weight"),
    "scale": ({"energy_scale": 0.0}, "energy_scale"),
    "score": ({"anomaly_score": "density"}, "anomaly_score"),
    "form": ({"energy_form": "tanh"}, "energy_form"),
    "spectral": ({"critic": own_branch()}, "critic_norm=none"),
    "contested": ({"reconstruction": "patch_adversarial"}, "critic"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_options_are_refused_in_one_line(case):
    changes, word = BAD[case]
    kinds = (errors.InvalidValue, errors.Unsupported)
    with pytest.raises(kinds, match=word) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)
