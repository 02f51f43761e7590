# SPDX-License-Identifier: Apache-2.0
"""Tasks of a flow on images: its density scores, and its latents complete."""

import numpy as np
import pytest

from glf_tf import errors, seeds
from glf_tf.flows import glow
from glf_tf.inference import langevin
from glf_tf.models import image_flow
from glf_tf.tasks import anomaly, infer, inpaint, interpolate, reconstruct
from tests import descriptors

SHAPE = (4, 4, 1)
PIXELS = np.random.default_rng(0).integers(0, 256, (5, *SHAPE), dtype=np.uint8)
UNIT = infer.to_unit(PIXELS)
MASKS = np.ones([5, 4, 4, 1], np.float32)
MASKS[:, 2:] = 0.0


@pytest.fixture(scope="module")
def model():
    flow = glow.Glow(SHAPE, levels=1, blocks=1, hidden=3)
    made = image_flow.ImageFlow(SHAPE, flow=flow, alpha=0.05)
    descriptors.perturb(made, scale=0.05)
    return made


def test_scores_are_densities_of_images(model, monkeypatch):
    found = anomaly.log_densities(infer.Inference(model), PIXELS, seed=4)
    expected = model.log_prob(UNIT, seed=seeds.fold(4, 0))
    np.testing.assert_allclose(found.score(), -expected.numpy(), rtol=1e-5)
    monkeypatch.setattr(infer, "CHUNK", 3)
    chunked = anomaly.log_densities(infer.Inference(model), PIXELS, seed=4)
    assert chunked.score().shape == (5,)
    np.testing.assert_allclose(chunked.score()[:3], found.score()[:3], rtol=2e-2)


def test_chains_are_refused_where_they_have_no_effect(model):
    inference = infer.Inference(model, chain=langevin.Langevin(steps=1))
    with pytest.raises(errors.Unsupported, match="without chains") as caught:
        anomaly.log_densities(inference, PIXELS)
    assert "\n" not in str(caught.value)


def test_the_joint_density_is_of_visible_pixels_and_of_latents(model):
    z = model.encode(UNIT[::-1])
    error = MASKS * (UNIT[::-1] - UNIT) / image_flow.VISIBLE_SIGMA
    expected = -0.5 * np.sum(np.square(error), axis=(1, 2, 3))
    expected += model.prior.log_prob(z)
    given = np.where(MASKS > 0, UNIT, np.nan)
    found = model.log_joint(given, z, MASKS)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_chains_start_with_visible_pixels_and_another_rest(model):
    start = model.first_latents(np.where(MASKS > 0, UNIT, np.nan), MASKS, seed=1)
    made = model.decode(start).numpy()
    np.testing.assert_allclose(MASKS * made, MASKS * UNIT, atol=1e-3)
    other = model.decode(model.first_latents(UNIT, MASKS, seed=2)).numpy()
    assert np.abs((1 - MASKS) * (made - other)).max() > 0.1
    whole = model.decode(model.first_latents(UNIT, seed=1))
    np.testing.assert_allclose(whole, UNIT, atol=1e-3)


def test_completions_keep_visible_pixels_and_differ(model):
    chain = langevin.Langevin(steps=40, step_size=0.1, adjusted=True)
    inference = infer.Inference(model, chain=chain)
    made = inpaint.inpaint(inference, PIXELS, MASKS, attempts=2, seed=3)
    assert made.shape == (5, 2, *SHAPE)
    error = np.square(MASKS[:, None] * (made - UNIT[:, None])).sum() / MASKS.sum() / 2
    assert np.sqrt(error) < 2 * image_flow.VISIBLE_SIGMA
    assert np.abs(made[:, 0] - made[:, 1]).max() > 0.1


def test_latents_are_interpolated_and_reconstructed(model):
    lines = interpolate.between_images(model, UNIT[:2], UNIT[2:4], num_steps=3)
    np.testing.assert_allclose(lines[:, 0], UNIT[:2], atol=1e-3)
    np.testing.assert_allclose(lines[:, -1], UNIT[2:4], atol=1e-3)
    middle = 0.5 * (model.encode(UNIT[:2]) + model.encode(UNIT[2:4]))
    np.testing.assert_allclose(lines[:, 1], model.decode(middle), atol=1e-4)
    drawn = interpolate.between_samples(model, 2, seed=1, num_steps=4)
    assert drawn.shape == (2, 4, *SHAPE)
    assert np.isfinite(drawn).all()
    np.testing.assert_allclose(reconstruct.reconstruct(model, PIXELS), UNIT, atol=1e-3)
