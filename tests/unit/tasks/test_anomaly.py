# SPDX-License-Identifier: Apache-2.0
"""Scores of how little a model expects images."""

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.inference import langevin
from glf_tf.tasks import anomaly, infer
from tests import descriptors

IMAGES = descriptors.images(6).images
UNIT = descriptors.batch(6)["image"].numpy()


@pytest.mark.parametrize("name", ["lfbm", "lebm", "vae_gaussian", "glf"])
def test_parts_are_those_of_the_joint_density(name):
    inference = infer.Inference(descriptors.model(name))
    found = anomaly.log_densities(inference, IMAGES, seed=4)
    model, z = inference.model, inference.latents(IMAGES, seed=4)
    np.testing.assert_allclose(found.log_prior, model.log_prob(z), rtol=1e-4)
    for weight in (0.0, 0.18, 1.0):
        joint = model.log_joint(UNIT, z, weight=weight)
        np.testing.assert_allclose(found.score(weight=weight), -joint, rtol=1e-3)


def test_chunks_are_put_together(monkeypatch):
    inference = infer.Inference(descriptors.model("vae"))
    whole = anomaly.log_densities(inference, IMAGES).score()
    monkeypatch.setattr(infer, "CHUNK", 4)
    chunked = anomaly.log_densities(inference, IMAGES).score()
    np.testing.assert_allclose(chunked, whole, rtol=1e-5)


def test_a_models_own_score_is_the_sum_of_its_terms(monkeypatch):
    model = descriptors.model("bigan")
    expected = model.anomaly_terms(UNIT, score="feature_matching")
    monkeypatch.setattr(infer, "CHUNK", 4)
    found = anomaly.own_scores(model, IMAGES, score="feature_matching")
    assert list(found.columns) == list(expected) == ["error", "critic"]
    for weight in (1.0, 0.0, 2.5):
        whole = weight * expected["error"] + expected["critic"]
        np.testing.assert_allclose(found.score(weight=weight), whole, rtol=1e-4)
    assert found.formula(2.5) == "2.5 error + critic"
    default = anomaly.own_scores(model, IMAGES)
    np.testing.assert_allclose(
        default.columns["critic"], model.anomaly_terms(UNIT)["critic"], rtol=1e-4
    )
    with pytest.raises(errors.InvalidValue, match="weight=-1"):
        found.score(weight=-1.0)


def test_what_a_model_draws_is_expected_more_than_noise():
    model = descriptors.model("lfbm")
    chain = langevin.Langevin(steps=60, step_size=0.05, noise=False)
    both = np.concatenate([model.sample(6, seed=3), UNIT])
    score = anomaly.log_densities(infer.Inference(model, chain=chain), both).score()
    assert score[:6].max() < score[6:].min()


def test_ranks_are_shares_of_normal_images_that_score_lower():
    found = anomaly.ranks(
        np.array([5.0, -1.0, 2.5]), normal=np.array([3.0, 1.0, 2.0, 0])
    )
    np.testing.assert_array_equal(found, [1.0, 0.0, 0.75])


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_bad_weights_are_refused(weight):
    densities = anomaly.LogDensities(np.zeros(2), np.zeros(2))
    with pytest.raises(errors.InvalidValue, match="weight="):
        densities.score(weight=weight)
