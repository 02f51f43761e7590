# SPDX-License-Identifier: Apache-2.0
"""Flows on images that are conditional on labels."""

import math

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.models import image_flow, signatures, vae
from glf_tf.priors import labelled_normal
from tests import descriptors

SHAPE = (4, 4, 1)
PIXELS = np.random.default_rng(0).integers(0, 256, (12, *SHAPE), dtype=np.uint8)
IMAGES = tf.constant(PIXELS / 255.0, tf.float32)
LABELS = np.arange(12) % 3
FLOW = {"name": "glow", "blocks": 1, "hidden": 3}
REAL_NVP = {"name": "multi_scale_real_nvp", "levels": 2, "hidden": 2, "depth": 1}


def small(num_classes=3, **options):
    options = {"flow": FLOW, **options}
    return image_flow.ImageFlow(SHAPE, num_classes=num_classes, **options)


def perturbed(**options):
    model = small(**options)
    descriptors.perturb(model, scale=0.1)
    return model


@pytest.fixture
def eagerly():
    """Traces nothing: what is tested is which labels arrive."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def test_labels_without_effect_change_no_bit():
    given, plain = perturbed(), small(0)
    weights = {variable.path: variable for variable in given.variables}
    for variable in plain.variables:
        variable.assign(weights.pop(variable.path))
    assert list(weights) == ["prior/embedding"]
    given.prior.embedding.assign(tf.zeros_like(given.prior.embedding))
    expected = plain.log_prob(IMAGES, num_draws=2)
    np.testing.assert_array_equal(
        given.log_prob(IMAGES, label=LABELS, num_draws=2), expected
    )
    np.testing.assert_array_equal(given.sample(4, label=1), plain.sample(4))
    np.testing.assert_array_equal(given.encode(IMAGES), plain.encode(IMAGES))


def test_the_density_of_a_label_is_normal_at_the_top_alone():
    prior = labelled_normal.LabelledNormalPrior(14, shape=(2, 2, 3), num_classes=4)
    embedding = np.random.default_rng(1).normal(size=(4, 6))
    prior.embedding.assign(embedding)
    z, label = np.random.default_rng(2).normal(size=(5, 14)), np.array([0, 3, 1, 3, 2])
    mean, raw = np.split(embedding[label], 2, axis=1)
    scale = np.exp(5.0 * np.tanh(raw / 5.0))
    top = z[:, 2:].reshape(5, 4, 3)
    log_prob = np.sum(-0.5 * z[:, :2] ** 2, axis=1)
    log_prob += np.sum(-0.5 * ((top - mean[:, None]) / scale[:, None]) ** 2, (1, 2))
    log_prob -= 4.0 * np.sum(np.log(scale), axis=1) + 7.0 * math.log(2.0 * math.pi)
    np.testing.assert_allclose(prior.log_prob(z, label=label), log_prob, rtol=1e-5)
    eps = prior.inverse(z, label=label)
    np.testing.assert_allclose(prior.forward(eps, label=label), z, atol=1e-5)


def test_probabilities_of_all_images_with_a_label_sum_to_less_than_one():
    model = image_flow.ImageFlow(
        (2, 2, 1),
        flow={"name": "glow", "levels": 1, "blocks": 1, "hidden": 3},
        bits=2,
        alpha=0.05,
        num_classes=2,
    )
    descriptors.perturb(model, scale=0.1)
    model.prior.embedding.assign(2.0 * model.prior.embedding)
    levels = np.stack(np.meshgrid(*[np.arange(4)] * 4), axis=-1).reshape(-1, 2, 2, 1)
    image = tf.constant(np.round(levels * 255 / 3) / 255, tf.float32)
    for label in (0, 1):
        log_prob = model.log_prob(image, label=label, num_draws=16)
        # All the density within [0, 1) is theirs; the mean of draws has an error.
        assert 0.5 < float(tf.exp(tf.reduce_logsumexp(log_prob))) < 1.1


@pytest.mark.parametrize("flow", [FLOW, REAL_NVP], ids=["glow", "real_nvp"])
def test_labels_of_images_follow_by_the_rule_of_bayes(flow):
    model = perturbed(flow=flow)
    how = {"seed": 3, "num_draws": 2}
    joint = np.stack(
        [model.log_prob(IMAGES, label=y, **how) - math.log(3.0) for y in range(3)], 1
    )
    evidence = model.log_prob(IMAGES, **how)
    np.testing.assert_allclose(np.logaddexp.reduce(joint, 1), evidence, rtol=1e-5)
    found = model.label_log_probs(IMAGES, **how)
    np.testing.assert_allclose(found, joint - evidence[:, None], atol=1e-3)
    assert np.ptp(found) > 0.1


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "int64"])
def test_labels_are_whole_numbers_of_any_type(dtype):
    model = perturbed()
    expected = model.log_prob(IMAGES, label=LABELS)
    label = LABELS.astype(dtype)
    np.testing.assert_array_equal(model.log_prob(IMAGES, label=label), expected)
    found = model.sample(2, seed=0, label=label.max())
    expected = model.sample(2, seed=0, label=int(label.max()))
    np.testing.assert_array_equal(found, expected)


def test_a_model_without_labels_says_so_where_their_probabilities_are_asked_for():
    model = image_flow.ImageFlow(IMAGES.shape[1:], flow=FLOW)
    with pytest.raises(errors.Unsupported, match="a model without them"):
        model.label_log_probs(IMAGES)


def test_no_labels_are_those_of_no_images():
    assert perturbed().sample(0, seed=0, label=[]).shape == (0, *SHAPE)


def test_samples_of_a_label_are_drawn_given_it():
    model = perturbed()
    eps = tf.random.stateless_normal([4, 16], (5, 0))
    z = model.prior.forward(eps, label=[2, 0, 1, 2])
    drawn = model.sample(4, seed=5, label=[2, 0, 1, 2])
    np.testing.assert_allclose(drawn, model.decode(z), atol=1e-6)
    label = model.prior.sample_labels(300, seed=5)
    assert np.bincount(label).min() > 70
    np.testing.assert_array_equal(
        model.sample(300, seed=5), model.sample(300, seed=5, label=label)
    )


def test_terms_are_those_of_the_labels():
    model = perturbed(label_weight=0.01)
    batch = {"image": IMAGES, "label": tf.constant(LABELS)}
    seed = tf.constant([3, 0])
    terms = model._terms(batch, seed=seed, training=False)
    log_probs = np.array(
        model._prior.log_prob_of_labels(model._latents(IMAGES, seed=seed).z)
    )
    log_probs -= np.logaddexp.reduce(log_probs, axis=1, keepdims=True)
    of_label = log_probs[np.arange(12), LABELS]
    np.testing.assert_allclose(terms["label_bits"], -of_label / math.log(2), atol=1e-4)
    guessed = log_probs.argmax(axis=1)
    np.testing.assert_array_equal(terms["label_error"], guessed != LABELS)
    log_prob = model._log_prob(IMAGES, label=LABELS, seed=seed)
    bits = -log_prob / (16 * math.log(2))
    np.testing.assert_allclose(terms["bits_per_dim"], bits, rtol=1e-6)


def test_fit_and_evaluate_take_labels_as_the_target(eagerly):
    model = perturbed()
    history = model.fit(
        PIXELS, LABELS[:, None], batch_size=4, validation_split=0.25, verbose=0
    )
    assert "val_label_error" in history.history
    one = model.fit(
        PIXELS[:8], LABELS[:8], verbose=0, validation_data=(PIXELS[8:], LABELS[8:])
    )
    pairs = tf.data.Dataset.from_tensor_slices((PIXELS, LABELS))
    measured = model.evaluate(PIXELS, LABELS)
    assert measured == model.evaluate(pairs)
    assert measured != model.evaluate(PIXELS, LABELS[::-1].copy())
    assert one.epoch == [0]


def test_served_labels_equal_those_of_the_model():
    model = perturbed()
    call = signatures.of_labels(model, log_prob=model.log_prob)
    label = tf.constant([2, 7, 1])
    asked = {"seed": tf.constant([5, 0]), "temperature": tf.constant(0.7)}
    drawn = call["sample_of_labels"](label=label, **asked)["image"]
    expected = model.sample(3, seed=5, temperature=0.7, label=[2, 0, 1])
    given = {"image": IMAGES[:3], "label": label}
    log_prob = call["log_prob_of_labels"](**given)["log_prob"]
    wanted = model.log_prob(IMAGES[:3], label=[2, 0, 1])
    # 7 is no label.
    for received, right in ((drawn, expected), (log_prob, wanted)):
        assert np.isnan(received[1]).all()
        for row in (0, 2):
            np.testing.assert_allclose(received[row], right[row], atol=1e-3)
    found = call["label_log_probs"](image=IMAGES)["label_log_probs"]
    np.testing.assert_allclose(found, model.label_log_probs(IMAGES), atol=1e-3)


def fit(labels, **options):
    return lambda: small().fit(PIXELS, labels, verbose=0, **options)


def of_vae():
    return vae.VAE(SHAPE, latent_dim=2, network={"name": "mlp", "hidden": (4,)})


REFUSED = {
    "no classes": (lambda: small(-1), "at least 0"),
    "a weight alone": (lambda: small(0, label_weight=0.1), "conditional on labels"),
    "a negative weight": (lambda: small(label_weight=-0.1), "negative"),
    "no labels": (fit(None), "without labels"),
    "labels from one": (fit(LABELS + 1), "from 1 to 3"),
    "fewer labels": (fit(LABELS[:5]), "for 12 images"),
    "vectors as labels": (fit(np.eye(3)[LABELS]), "for 12 images"),
    "parts of labels": (fit(LABELS + 0.5), "whole numbers"),
    "lists of lists": (fit([[1], [1, 2]]), "whole numbers"),
    "labels twice": (
        lambda: small().fit(descriptors.images().select(range(4)), [0] * 4),
        "given once",
    ),
    "validation without": (fit(LABELS, validation_data=PIXELS), "without labels"),
    "a last label": (
        fit([0] * 11 + [3], validation_split=0.1, batch_size=4),
        "from 0 to 3",
    ),
    "to measure": (lambda: small().evaluate(PIXELS), "without labels"),
    "in a folder": (fit(None, workdir="nowhere"), "without labels"),
    "labels of another model": (lambda: small(0).fit(PIXELS, LABELS), "target"),
    "a label of another model": (lambda: of_vae().sample(2, label=1), "conditional"),
    "no such label": (lambda: small().sample(2, label=3), "from 3 to 3"),
    "negative labels": (lambda: small().sample(2, label=[-1, 0]), "from -1 to 0"),
    "labels of others": (lambda: small().sample(2, label=[0]), "for 2 examples"),
    "text": (lambda: small().sample(2, label="3"), "whole numbers"),
    "a float": (lambda: small().sample(2, label=1.0), "whole numbers"),
    "for fewer images": (
        lambda: small().log_prob(IMAGES, label=LABELS[:4]),
        "for 12 examples",
    ),
    "labels of none": (lambda: small(0).label_log_probs(IMAGES), "conditional"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_in_one_line(name):
    call, word = REFUSED[name]
    with pytest.raises(errors.UserError, match=word) as caught:
        call()
    assert "\n" not in str(caught.value)
