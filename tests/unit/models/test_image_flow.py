# SPDX-License-Identifier: Apache-2.0
"""Flows on images: bits that can be believed, and images that come back."""

import math

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, parts
from glf_tf.data import image_set
from glf_tf.flows import glow, real_nvp
from glf_tf.models import glf, image_flow
from tests import descriptors

SHAPE = (4, 4, 1)
PIXELS = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)
IMAGES = tf.constant(PIXELS / 255.0, tf.float32)


def small(**options):
    return image_flow.ImageFlow(
        SHAPE, flow=glow.Glow(SHAPE, blocks=1, hidden=3), **options
    )


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


def test_levels_are_counted_as_whole_numbers_of_bits():
    model = small(bits=5)
    np.testing.assert_array_equal(model._levels(IMAGES), PIXELS >> 3)


def test_temperature_zero_draws_one_image():
    drawn = perturbed().sample(3, seed=0, temperature=0.0).numpy()
    assert np.ptp(drawn, axis=0).max() < 1e-6


def test_scales_start_once_and_are_resumed():
    model = small()
    model.fit(PIXELS, epochs=1, batch_size=6, verbose=0)
    assert model.flow.is_started.numpy()
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    assert copy.flow.is_started.numpy()
    before = np.array(copy.flow.level_0_block_0_actnorm.shift)
    other = image_set.ImageSet("other", "train", PIXELS // 2, None, source="here")
    copy._start(other)
    after = np.array(copy.flow.level_0_block_0_actnorm.shift)
    np.testing.assert_array_equal(before, after)


REFUSED = {
    "bits": (lambda: small(bits=9), "1 to 8"),
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
    "no name": (lambda: image_flow.ImageFlow(SHAPE, flow={"blocks": 1}), "its name"),
    "no width": (
        lambda: small(dequantization="variational", dequantization_hidden=0),
        "at least 1",
    ),
    "no bits": (lambda: small().log_prob(IMAGES * 0.999), "8 bits"),
    "no draws": (lambda: small().log_prob(IMAGES, num_draws=0), "at least 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_in_one_line(name):
    call, word = REFUSED[name]
    with pytest.raises(errors.UserError, match=word) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_flow_is_an_object_a_specification_or_a_name():
    options = {"name": "glow", "blocks": 1, "hidden": 3}
    made = [small(), image_flow.ImageFlow(SHAPE, flow=options)]
    described = [parts.specification("model", model) for model in made]
    assert described[0] == described[1]
    paths = [{variable.path for variable in model.variables} for model in made]
    assert paths[0] == paths[1]
