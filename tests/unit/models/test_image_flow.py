# SPDX-License-Identifier: Apache-2.0
"""Flows on images: bits that can be believed, and images that come back."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, parts, seeds
from glf_tf.bijectors import dequantization
from glf_tf.data import image_set
from glf_tf.devices import strategies
from glf_tf.flows import glow, real_nvp
from glf_tf.models import glf, image_flow
from tests import descriptors

SHAPE = (4, 4, 1)
PIXELS = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)
IMAGES = tf.constant(PIXELS / 255.0, tf.float32)


def small(**options):
    flow = glow.Glow(SHAPE, blocks=1, hidden=3)
    return image_flow.ImageFlow(SHAPE, **{"flow": flow} | options)


def perturbed(**options):
    model = small(**options)
    descriptors.perturb(model, scale=0.05)
    return model


def test_bits_are_those_of_the_change_of_variables_by_hand():
    model = perturbed(alpha=0.05)
    image = IMAGES[:2]
    x, _ = model._dequantized(image, seed=tf.constant([3, 0]))
    inner = 0.05 + 0.9 * np.float64(x)
    y = tf.constant(np.log(inner / (1 - inner)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(y)
        z = model.flow.bijector().inverse(y)
    jacobian = np.reshape(tape.batch_jacobian(z, y), (2, 16, 16))
    log_prob = -0.5 * np.sum(np.square(z), axis=1) - 8.0 * math.log(2 * math.pi)
    log_prob += np.linalg.slogdet(jacobian)[1]
    log_prob += np.sum(np.log(0.9 / (inner * (1 - inner))), axis=(1, 2, 3))
    log_prob -= 16 * 8 * math.log(2.0)
    found = model._log_prob(image, seed=tf.constant([3, 0]))
    np.testing.assert_allclose(found, log_prob, rtol=1e-4)


@pytest.mark.parametrize("bits", [8, 5, 1])
@pytest.mark.parametrize("preprocessing", ["logit", "centre"])
def test_an_image_comes_back_from_its_latents(bits, preprocessing):
    model = perturbed(bits=bits, preprocessing=preprocessing)
    z = model.encode(IMAGES)
    assert z.shape == (6, 16)
    expected = (PIXELS >> (8 - bits)) / (2**bits - 1)
    np.testing.assert_allclose(model.decode(tf.identity(z)), expected, atol=1e-3)


@pytest.mark.parametrize("bits", [8, 5])
def test_levels_are_counted_as_whole_numbers_of_bits(bits):
    pixels = np.arange(256).reshape(1, 16, 16, 1)
    image, model = np.float32(pixels / 255), small(bits=bits)
    # Also of values that rounding has moved by the last bit.
    for moved in (image, np.nextafter(image, 0), np.nextafter(image, 1)):
        np.testing.assert_array_equal(model._levels(moved), pixels >> (8 - bits))


@pytest.mark.parametrize("temperature", [0.0, 0.7, 2.0])
def test_temperature_multiplies_the_noise_of_every_level(temperature):
    model = perturbed()
    z = temperature * tf.random.stateless_normal([3, 16], seeds.make(5))
    drawn = model.sample(3, seed=5, temperature=temperature)
    np.testing.assert_allclose(drawn, model.decode(z), atol=1e-6)
    assert (np.ptp(drawn, axis=0).max() > 0) == (temperature > 0)


@pytest.mark.parametrize("shape", [(4, 8, 3), (6, 2, 1)])
def test_images_need_not_be_square(shape):
    flow = {"name": "glow", "levels": 1, "blocks": 1, "hidden": 3}
    model = image_flow.ImageFlow(shape, flow=flow)
    descriptors.perturb(model, scale=0.05)
    pixels = np.random.default_rng(0).integers(0, 256, (3, *shape))
    image = tf.constant(pixels / 255.0, tf.float32)
    np.testing.assert_allclose(model.reconstruct(image), image, atol=1e-3)
    assert np.all(np.isfinite(model.log_prob(image)))


# The start of scales by data.


def shallow(**options):
    flow = {"name": "glow", "levels": 1, "blocks": 1, "hidden": 3}
    return small(flow=flow, **options)


def fitted(model, **options):
    model.fit(PIXELS, batch_size=6, verbose=0, **options)
    return model.get_weights()


def assert_same(weights, others):
    for value, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(value, other)


def test_scales_start_once(eager, monkeypatch):
    model = shallow()
    fitted(model)
    assert model.flow.is_started.numpy()
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())

    def start(self, x):
        raise AssertionError("It starts again.")

    monkeypatch.setattr(type(model.flow), "_start_steps", start)
    fitted(model)
    fitted(copy)


def test_scales_start_by_the_first_images_of_training(eager):
    model = shallow(preprocessing="centre")
    model._start(image_set.ImageSet("here", "train", PIXELS, None, source="here"))
    first = model.flow.level_0_block_0_actnorm
    squeezed = np.reshape(PIXELS, [6, 2, 2, 2, 2]).transpose(0, 1, 3, 2, 4)
    pixels = squeezed.reshape(-1, 4) / 256.0 - 0.5
    # The noise of the dequantisation is at most one level.
    np.testing.assert_allclose(
        -np.array(first.shift), pixels.mean(axis=0), atol=1 / 256
    )
    size = np.exp(-3.0 * np.array(first.log_scale))
    np.testing.assert_allclose(size, pixels.std(axis=0), atol=1 / 256)


def test_use_before_the_first_batch_spoils_no_start(eager):
    untouched, used = shallow(), shallow()
    used.set_weights(untouched.get_weights())
    used.sample(2)
    used.log_prob(IMAGES[:2])
    used.decode(used.encode(IMAGES[:2]))
    assert not used.flow.is_started.numpy()
    assert_same(fitted(untouched), fitted(used))


def test_training_resumes_exactly_across_the_start(eager, tmp_path):
    reports = {"draw_every": 0, "export": False}
    whole, begun = shallow(), shallow()
    begun.set_weights(whole.get_weights())
    resumed = type(begun).from_config(begun.get_config())
    fitted(begun, epochs=1, workdir=tmp_path, reports=reports)
    fitted(resumed, epochs=2, workdir=tmp_path, resume=True, reports=reports)
    assert_same(fitted(whole, epochs=2), resumed.get_weights())


def test_two_replicas_train_as_one_device_does(eager, monkeypatch):
    """Where the noise, of which each replica has its own, is left out."""

    def middle(self, image, *, seed, training=False):
        return tf.fill(tf.shape(image), 0.5), tf.zeros([tf.shape(image)[0]])

    monkeypatch.setattr(dequantization.Uniform, "draw", middle)
    found = []
    for kind in ("mirrored", "one_device"):
        keras.utils.set_random_seed(0)
        with strategies.strategy(kind).scope():
            model = shallow()
        # So large an epsilon keeps rounding from turning into whole steps.
        model.compile("adam", epsilon=1.0, learning_rate=0.1)
        found.append(fitted(model))
    for two, one in zip(*found, strict=True):
        np.testing.assert_allclose(two, one, atol=1e-5)


# Options.

OTHER = {
    "flow": {"name": "glow", "levels": 1, "blocks": 1, "hidden": 3},
    "bits": 5,
    "preprocessing": "centre",
    "alpha": 0.05,
    "dequantization": "variational",
    "dequantization_hidden": 4,
    "num_classes": 3,
    "label_weight": 0.5,
}
"""Another value of each option."""

NEEDED = {
    "dequantization_hidden": {"dequantization": "variational"},
    "label_weight": {"num_classes": 3},
}
"""What options need in order to count."""


def loss_of(model):
    (update,) = model.stages()[0].updates
    batch = {"image": IMAGES, "label": tf.constant([0, 1, 2, 0, 1, 2])}
    terms = update.terms(batch, seed=seeds.make(1), training=False)
    return sum(update.weights[name] * term for name, term in terms.items())


@pytest.mark.parametrize("option", catalogue.options("model", "image_flow"))
def test_every_option_counts(option):
    found = []
    for options in ({}, {option: OTHER[option]}):
        keras.utils.set_random_seed(0)
        model = small(**NEEDED.get(option, {}) | options)
        descriptors.perturb(model, scale=0.1)
        found.append(loss_of(model))
    one, other = found
    assert np.abs(one - other).min() > 1e-3


REFUSED = {
    "no bits at all": (lambda: small(bits=0), "1 to 8"),
    "bits": (lambda: small(bits=9), "1 to 8"),
    "half a bit": (lambda: small(bits=2.5), "bits=2.5"),
    "no margin": (lambda: small(alpha=0.0), "alpha=0.0"),
    "a margin lost in float32": (lambda: small(alpha=1e-8), "alpha=1e-08"),
    "no room": (lambda: small(alpha=0.5), "alpha=0.5"),
    "a margin that is no number": (lambda: small(alpha=float("nan")), "alpha=nan"),
    "preprocessing": (lambda: small(preprocessing="logits"), "logit"),
    "dequantization": (lambda: small(dequantization="unifrom"), "uniform"),
    "a flow on vectors": (
        lambda: image_flow.ImageFlow(SHAPE, flow="real_nvp"),
        "flow on images",
    ),
    "an object on vectors": (
        lambda: image_flow.ImageFlow(SHAPE, flow=real_nvp.RealNVP(16)),
        "flow on images",
    ),
    "a flow on images": (lambda: glf.GLF((8, 8, 1), flow="glow"), "flow on vectors"),
    "another size": (
        lambda: image_flow.ImageFlow(SHAPE, flow=glow.Glow((8, 8, 1))),
        "event_shape",
    ),
    "too many levels": (
        lambda: image_flow.ImageFlow((28, 28, 1), flow={"name": "glow", "levels": 3}),
        "levels=3 for 28 x 28 pixels. Use levels=2",
    ),
    "no name": (lambda: image_flow.ImageFlow(SHAPE, flow={"blocks": 1}), "its name"),
    "no width": (
        lambda: small(dequantization="variational", dequantization_hidden=0),
        "at least 1",
    ),
    "no levels of pixels": (lambda: small().log_prob(IMAGES * 0.999), "8 bits"),
    "whole numbers": (lambda: small().log_prob(PIXELS), "Divide uint8 by 255"),
    "pixels up to 255": (lambda: small().log_prob(IMAGES * 255), "255"),
    "images of another shape": (
        lambda: small().log_prob(np.zeros([2, 8, 8, 1], np.float32)),
        r"\[batch, 4, 4, 1\]",
    ),
    "latents of another size": (
        lambda: small().decode(np.zeros([2, 8], np.float32)),
        r"\[batch, 16\]",
    ),
    "no draws": (lambda: small().log_prob(IMAGES, num_draws=0), "at least 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_in_one_line(name):
    call, word = REFUSED[name]
    with pytest.raises(errors.UserError, match=word) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert all([caught.value.rule, caught.value.received, caught.value.do])


def test_a_flow_is_an_object_a_specification_or_a_name():
    options = {"name": "glow", "blocks": 1, "hidden": 3}
    made = [small(), image_flow.ImageFlow(SHAPE, flow=options)]
    described = [parts.specification("model", model) for model in made]
    assert described[0] == described[1]
    paths = [{variable.path for variable in model.variables} for model in made]
    assert paths[0] == paths[1]


@pytest.mark.parametrize("num_classes", [0, 3])
def test_the_served_log_probability_is_that_of_python(num_classes):
    model = perturbed(num_classes=num_classes)
    signature = model.signatures()["log_prob"]
    served = signature(image=IMAGES)["log_prob"]
    np.testing.assert_allclose(served, model.log_prob(IMAGES), rtol=1e-5)
    between = tf.concat([IMAGES[:1] * 0.999, IMAGES[1:]], axis=0)
    served = signature(image=between)["log_prob"].numpy()
    assert np.isnan(served[0])
    assert np.isfinite(served[1:]).all()


@pytest.mark.parametrize("bits", [1, 3, 5, 8])
def test_samples_are_images_of_whole_levels_and_are_read_as_these(bits):
    model = perturbed(bits=bits, alpha=0.05)
    drawn = model.sample(16, seed=0)
    level = np.array(drawn) * (2**bits - 1)
    np.testing.assert_allclose(level, np.round(level), atol=1e-4)
    written = np.round(255.0 * np.array(drawn)) / 255.0
    found = model._levels(tf.constant(written, tf.float32))
    np.testing.assert_array_equal(found, np.round(level))


def test_gradients_pass_the_rounding_to_levels():
    model = small()
    z = tf.random.stateless_normal([2, model.latent_dim], (0, 0))
    with tf.GradientTape() as tape:
        tape.watch(z)
        image = model.decode(z)
    assert np.abs(tape.gradient(image, z)).max() > 0


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float16"])
def test_a_policy_leaves_densities_in_full_precision(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = small(dequantization="variational", dequantization_hidden=2)
        terms = model._terms({"image": IMAGES}, seed=tf.constant([0, 1]), training=True)
    finally:
        keras.config.set_dtype_policy(before)
    assert terms["bits_per_dim"].dtype == tf.float32
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
