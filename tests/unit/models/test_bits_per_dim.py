# SPDX-License-Identifier: Apache-2.0
"""Bits per dimension of distributions whose entropy is known."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import factor_out, one_pass, preprocessing, step
from glf_tf.flows import image_flow as flow_lib
from glf_tf.models import image_flow
from tests import descriptors

tfb = tfp.bijectors


class Quantiles(step.AbstractFlowStep):
    """Towards noise, images in [0, 1), each number of which has the same histogram."""

    def __init__(self, event_shape, *, histogram, **kwargs):
        super().__init__(event_shape, **kwargs)
        self._histogram = tf.constant(histogram, self.dtype)

    def bijector(self, *, training=False):
        return _QuantilesBijector(self._histogram)


class _QuantilesBijector(one_pass.OnePassBijector):
    def __init__(self, histogram):
        super().__init__(3, name="quantiles")
        self._histogram = histogram

    def towards_noise(self, x):
        size = len(self._histogram)
        level = tf.clip_by_value(tf.floor(x * size), 0, size - 1)
        mass = tf.gather(self._histogram, tf.cast(level, tf.int32))
        below = tf.gather(
            tf.cumsum(self._histogram, exclusive=True), tf.cast(level, tf.int32)
        )
        quantile = below + mass * (x * size - level)
        eps = tf.math.ndtri(tf.clip_by_value(quantile, 1e-6, 1 - 1e-6))
        log_slope = tf.math.log(mass * size) + 0.5 * (eps**2 + math.log(2 * math.pi))
        return eps, tf.reduce_sum(log_slope, [1, 2, 3])

    def towards_data(self, eps):
        raise NotImplementedError


class Undone(step.AbstractFlowStep):
    """Towards noise, preprocessed images as they were before."""

    def __init__(self, event_shape, *, kind, **kwargs):
        super().__init__(event_shape, **kwargs)
        self._step = preprocessing.Centre(event_shape)
        if kind == "logit":
            self._step = preprocessing.Logit(event_shape, alpha=0.05)

    def bijector(self, *, training=False):
        return tfb.Invert(self._step.bijector())


class Exact(flow_lib.AbstractImageFlow):
    """The flow that has the density of images with independent numbers."""

    def __init__(self, event_shape, *, histogram, kind, **kwargs):
        self._histogram, self._kind = histogram, kind
        super().__init__(event_shape, **kwargs)

    def make_steps(self):
        return [
            Undone(self.event_shape, kind=self._kind),
            Quantiles(self.event_shape, histogram=self._histogram),
            factor_out.FactorOut(self.event_shape, is_learned=False),
        ]


def exact_model(shape, *, histogram, kind="centre", **options):
    """A model whose density is that of a histogram, and flat within a level."""
    bits = int(math.log2(len(histogram)))
    flow = Exact(shape, histogram=list(histogram), kind=kind)
    return image_flow.ImageFlow(
        shape, flow=flow, bits=bits, preprocessing=kind, alpha=0.05, **options
    )


def histogram_of(bits, *, seed=0, concentration=0.5):
    """Random probabilities of levels, most of which are rare."""
    drawn = np.random.default_rng(seed).dirichlet([concentration] * 2**bits)
    return (drawn + 1e-4) / np.sum(drawn + 1e-4)


def images_of(levels, *, bits):
    """Images of 8 bits, in [0, 1], that are reduced to these levels."""
    return tf.constant((levels * 2 ** (8 - bits)) / 255.0, tf.float32)


@pytest.mark.parametrize("num_draws", [1, 3])
@pytest.mark.parametrize("kind", ["centre", "logit"])
@pytest.mark.parametrize("bits", [1, 5, 8])
def test_an_exact_flow_has_the_probability_of_each_image(bits, kind, num_draws):
    histogram = histogram_of(bits)
    levels = np.random.default_rng(1).choice(2**bits, (16, 4, 6, 3), p=histogram)
    model = exact_model((4, 6, 3), histogram=histogram, kind=kind)
    found = model.log_prob(images_of(levels, bits=bits), seed=1, num_draws=num_draws)
    expected = np.log(histogram[levels]).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_bits_of_uniform_levels_are_all_bits():
    for bits in (1, 5, 8):
        uniform = np.full(2**bits, 0.5**bits)
        model = exact_model((6, 2, 3), histogram=uniform)
        image = np.random.default_rng(0).integers(0, 256, (3, 6, 2, 3))
        batch = {"image": tf.constant(image / 255.0, tf.float32)}
        terms = model._terms(batch, seed=tf.constant([0, 0]), training=True)
        np.testing.assert_allclose(terms["bits_per_dim"], bits, rtol=1e-5)


def test_fewer_bits_count_what_several_levels_have_in_common():
    fine = histogram_of(8)
    coarse = fine.reshape(32, 8).sum(axis=1)
    pixels = np.random.default_rng(1).choice(256, (8, 4, 4, 1), p=fine)
    image, (five, eight) = (
        images_of(pixels, bits=8),
        (exact_model((4, 4, 1), histogram=each) for each in (coarse, fine)),
    )
    expected = np.log(coarse[pixels >> 3]).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(five.log_prob(image), expected, rtol=1e-4)
    assert np.all(five.log_prob(image) > eight.log_prob(image))


def test_noise_fills_each_level():
    """Of a density that rises within levels, the mean of draws is the probability."""
    rising = np.tile(np.linspace(0.2, 1.8, 64), 4) / 256
    flow = Exact((1, 1, 1), histogram=list(rising), kind="centre")
    model = image_flow.ImageFlow((1, 1, 1), flow=flow, bits=2, preprocessing="centre")
    levels = np.repeat(np.arange(4), 2000).reshape(-1, 1, 1, 1)
    drawn = model.log_prob(images_of(levels, bits=2), seed=1).numpy()
    found = joined(drawn.reshape(4, 2000), draws=2000)[:, 0]
    # The deviation of such a mean is 0.01.
    np.testing.assert_allclose(found, np.full(4, math.log(0.25)), atol=0.05)


# All images of four pixels and two bits.
ALL = np.stack(np.meshgrid(*[np.arange(4)] * 4), axis=-1).reshape(-1, 2, 2, 1)
DRAWS = 64
MODELS = {
    "logit": {"alpha": 0.05, "preprocessing": "logit"},
    "centre": {"preprocessing": "centre"},
    "additive": {"flow": {"scale": "none", "learned_prior": False}, "alpha": 1e-3},
    "variational": {
        "alpha": 0.05,
        "dequantization": "variational",
        "dequantization_hidden": 3,
    },
}


@pytest.fixture(params=MODELS)
def drawn(request):
    """Log-probabilities of all images by single draws, `[256, DRAWS]`, in nats."""
    options = dict(MODELS[request.param])
    flow = {"name": "glow", "levels": 1, "blocks": 1, "hidden": 3}
    flow |= options.pop("flow", {})
    model = image_flow.ImageFlow((2, 2, 1), flow=flow, bits=2, **options)
    descriptors.perturb(model, scale=0.1)
    image = tf.repeat(images_of(ALL, bits=2), DRAWS, axis=0)
    return model.log_prob(image, seed=1).numpy().reshape(-1, DRAWS)


def joined(drawn, *, draws):
    """Bounds by so many draws each, `[256, DRAWS / draws]`."""
    groups = drawn.reshape(len(drawn), -1, draws)
    return np.logaddexp.reduce(groups, axis=2) - math.log(draws)


def test_bounds_are_above_every_entropy(drawn):
    """Of all images, probabilities sum to at most one: Kraft's inequality."""
    total = np.exp(joined(drawn, draws=DRAWS)).sum()
    # What is missing is outside of [0, 1): of N(0, I) around the centre, all but
    # 0.383^4. The mean of draws has an error.
    assert 0.015 < total < 1.1
    for seed in range(3):
        p = np.random.default_rng(seed).dirichlet([0.3] * len(ALL))
        entropy = -np.sum(p * np.log(np.maximum(p, 1e-30)))
        for draws in (1, 8, DRAWS):
            bound = -p @ joined(drawn, draws=draws)
            assert bound.mean() > entropy


def test_more_draws_make_the_bound_tighter():
    flow = {"name": "glow", "levels": 1, "blocks": 1, "hidden": 3}
    model = image_flow.ImageFlow((2, 2, 1), flow=flow, bits=2)
    descriptors.perturb(model, scale=0.3)
    image = tf.repeat(images_of(ALL[::16], bits=2), 32, axis=0)
    few, more, many = (
        float(tf.reduce_mean(model.log_prob(image, seed=2, num_draws=draws)))
        for draws in (1, 4, 16)
    )
    assert few < more < many
