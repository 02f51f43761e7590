# SPDX-License-Identifier: Apache-2.0
"""Latents by encoders and by chains, for every model of latents."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, seeds
from glf_tf.inference import langevin
from glf_tf.models import chains, codes
from glf_tf.tasks import infer, reconstruct
from tests import descriptors

IMAGES = descriptors.images(6).images
UNIT = descriptors.batch(6)["image"].numpy()
MASKS = np.float32(np.random.default_rng(0).random((6, 8, 8, 1)) < 0.5)
SHORT = langevin.Langevin(steps=2, step_size=0.01)


def test_a_model_with_an_encoder_uses_it():
    model = descriptors.model("glf")
    inference = infer.Inference(model)
    z = inference.latents(IMAGES)
    np.testing.assert_allclose(z, model.encode(UNIT), atol=1e-5)
    np.testing.assert_allclose(
        inference.reconstruct(UNIT), model.reconstruct(UNIT), atol=1e-5
    )
    assert inference.description == "encoder"


def test_another_model_runs_its_own_chains():
    model = descriptors.model("lfbm")
    inference = infer.Inference(model)
    expected = model.infer_latents(UNIT, seed=seeds.fold(3, 0)).z
    np.testing.assert_allclose(inference.latents(IMAGES, seed=3), expected, atol=1e-4)
    assert inference.description.startswith("Langevin(steps=3, step_size=")
    assert "_part" not in inference.description


@pytest.mark.parametrize("start", infer.STARTS)
def test_chains_start_where_they_are_reported(start):
    model = descriptors.model("vae")
    given = start if start in ("normal", "prior") else model.encode(UNIT)
    found = infer.Inference(model, chain=SHORT, start=start).latents(IMAGES)
    chains = model.infer_latents(UNIT, seed=seeds.fold(0, 0), start=given, chain=SHORT)
    np.testing.assert_allclose(found, chains.z, atol=1e-4)


def test_images_with_hidden_pixels_start_from_the_prior():
    model, whole = descriptors.model("vae"), np.ones_like(MASKS)
    masks = np.concatenate([MASKS[:3], whole[3:]])
    first = model.first_latents(UNIT, tf.constant(masks), seed=2)
    drawn = model.prior.sample(len(UNIT), seed=seeds.split(2, 2)[0])
    np.testing.assert_allclose(first[:3], drawn[:3], atol=1e-6)
    np.testing.assert_allclose(first[3:], model.encode(UNIT)[3:], atol=1e-6)
    alone = infer.Inference(model, chain=SHORT)
    from_prior = infer.Inference(model, chain=SHORT, start="prior")
    np.testing.assert_allclose(
        alone.latents(IMAGES, MASKS), from_prior.latents(IMAGES, MASKS), atol=1e-4
    )


def test_the_encoder_does_not_see_hidden_pixels():
    inference = infer.Inference(descriptors.model("glf"), chain=SHORT, start="encoder")
    other = np.where(MASKS == 1.0, UNIT, 0.9)
    np.testing.assert_allclose(
        inference.latents(UNIT, MASKS), inference.latents(other, MASKS), atol=1e-5
    )
    assert np.abs(inference.latents(UNIT) - inference.latents(other)).max() > 1e-3


def test_chunks_are_put_together(monkeypatch):
    monkeypatch.setattr(infer, "CHUNK", 4)
    inference = infer.Inference(descriptors.model("glf"))
    whole = inference.model.reconstruct(UNIT)
    np.testing.assert_allclose(inference.reconstruct(IMAGES), whole, atol=1e-5)
    chained = infer.Inference(descriptors.model("sri"))
    z = chained.latents(IMAGES, MASKS)
    model, last = chained.model, slice(4, 6)
    expected = model.infer_latents(UNIT[last], MASKS[last], seed=seeds.fold(0, 1)).z
    np.testing.assert_allclose(z[last], expected, atol=1e-4)


def test_more_steps_reconstruct_better():
    chain = langevin.Langevin(steps=60, step_size=0.05, noise=False)
    model = descriptors.model("lfbm")
    few, many = (
        np.mean((reconstruct.reconstruct(model, UNIT, inference=item) - UNIT) ** 2)
        for item in (infer.Inference(model), infer.Inference(model, chain=chain))
    )
    assert many < few


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", sorted(descriptors.MODELS))
def test_every_model_infers_or_says_why_not(name):
    model = descriptors.model(name)
    if not isinstance(model, chains.InfersLatents):
        with pytest.raises(errors.Unsupported, match="decodes draws of a density"):
            infer.Inference(model, chain=SHORT)
        return
    inference = infer.Inference(model, chain=SHORT)
    if name.endswith(("perceptual", "patch_adversarial", "critic_features")):
        with pytest.raises(errors.Unsupported, match="sum over pixels"):
            inference.latents(IMAGES, MASKS)
    else:
        made = inference.reconstruct(IMAGES, MASKS)
        assert made.shape == IMAGES.shape
        assert np.isfinite(made).all()
    if not isinstance(model, codes.EncodesImages):
        with pytest.raises(errors.Unsupported, match="start=encoder"):
            infer.Inference(model, start="encoder")


def test_images_of_another_shape_are_refused():
    with pytest.raises(errors.InvalidValue, match="shape of the model"):
        infer.Inference(descriptors.model("sri")).latents(np.zeros((2, 8, 9, 1)))


def test_chains_that_diverge_are_an_error_with_advice():
    wild = langevin.Langevin(steps=30, step_size=300.0)
    with pytest.raises(errors.Diverged, match="inference.step_size"):
        infer.Inference(descriptors.model("lfbm"), chain=wild).latents(IMAGES)


def test_one_trace_serves_chunks_of_any_size(monkeypatch):
    """Tracing costs seconds, and a warning if it happens often."""
    monkeypatch.setattr(infer, "CHUNK", 2)
    inference = infer.Inference(descriptors.model("sri"))
    model, traces = inference.model, []
    infer_latents = model.infer_latents
    monkeypatch.setattr(
        type(model),
        "infer_latents",
        lambda _, *args, **kwargs: traces.append(1) or infer_latents(*args, **kwargs),
    )
    inference.latents(np.concatenate([IMAGES] * 4 + [IMAGES[:1]]))
    inference.latents(IMAGES[:3], seed=tf.constant([5, 6]))
    assert len(traces) == 1
