# SPDX-License-Identifier: Apache-2.0
"""Models as detectors of anomalies, in PyOD's form: laws for every model."""

import keras
import numpy as np
import pytest

from glf_tf import errors
from glf_tf.metrics import conformal
from glf_tf.models import chains as chains_lib
from glf_tf.models import image_flow, scoring
from glf_tf.tasks import anomaly, infer
from glf_tf.tasks.anomaly_detector import AnomalyDetector
from tests import descriptors

NORMAL = descriptors.images(24, seed=1).images
IMAGES = descriptors.images(7).images
ABLE = (scoring.ScoresAnomalies, chains_lib.InfersLatents, image_flow.ImageFlow)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", sorted(descriptors.MODELS))
def test_every_model_is_a_detector_or_says_that_it_is_none(name):
    model = descriptors.model(name)
    if not isinstance(model, ABLE):
        with pytest.raises(errors.Unsupported):
            AnomalyDetector(model).decision_function(IMAGES)
        return
    detector = AnomalyDetector(model, contamination=0.2)
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]
    scores = detector.decision_function(IMAGES)
    assert scores.shape == (7,)
    assert scores.dtype == np.float64
    assert detector.fit(NORMAL) is detector
    # Calibration changes neither the model nor its scores, which are repeatable.
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(variable))
    np.testing.assert_array_equal(detector.decision_function(IMAGES), scores)
    check_laws(detector, scores)


def check_laws(detector, scores):
    """What holds between scores, threshold, reports and p-values."""
    held_out, rate = detector.decision_scores_, detector.contamination
    np.testing.assert_array_equal(held_out, detector.decision_function(NORMAL))
    reported = detector.predict(IMAGES)
    np.testing.assert_array_equal(reported, scores > detector.threshold_)
    p = detector.p_values(IMAGES)
    np.testing.assert_array_equal(reported == 1, p <= rate + 1e-12)
    assert (np.diff(p[np.argsort(scores)]) <= 0).all()  # higher is less usual
    n = len(NORMAL)
    assert p.min() >= 1 / (n + 1)
    np.testing.assert_allclose(p * (n + 1), np.rint(p * (n + 1)), atol=1e-9)
    both = detector.predict_proba(IMAGES)
    np.testing.assert_allclose(both, np.stack([p, 1 - p], axis=1))
    lower = (held_out[:, None] < scores).sum(axis=0)
    np.testing.assert_allclose(both[:, 1], lower / (n + 1))
    assert detector.labels_.mean() <= rate
    low, high = detector.false_alarm_interval()
    assert 0 < low < rate < high < 1


@pytest.fixture(scope="module")
def vae():
    return descriptors.model("vae_gaussian")


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_scores_are_those_of_the_joint_density(vae, weight):
    detector = AnomalyDetector(vae, weight=weight)
    expected = anomaly.log_densities(infer.Inference(vae), IMAGES)
    np.testing.assert_allclose(
        detector.decision_function(IMAGES), expected.score(weight=weight), rtol=1e-5
    )
    floats = detector.decision_function(IMAGES / 255.0)
    np.testing.assert_allclose(floats, expected.score(weight=weight), rtol=1e-5)


def test_scores_of_an_image_do_not_depend_on_others(vae):
    detector = AnomalyDetector(vae)
    together = detector.decision_function(IMAGES)
    alone = [detector.decision_function(image[None])[0] for image in IMAGES]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_a_models_own_score_is_chosen_by_name():
    model = descriptors.model("bigan")
    by_name = {
        name: AnomalyDetector(model, score=name).decision_function(IMAGES)
        for name in model.anomaly_scores
    }
    for name, scores in by_name.items():
        expected = anomaly.own_scores(model, IMAGES, score=name).score()
        np.testing.assert_array_equal(scores, expected)
    with pytest.raises(errors.InvalidValue, match="feature_matching"):
        AnomalyDetector(model, score="mine")


def test_fresh_normal_images_are_reported_at_the_rate(vae):
    """A threshold of 199 images, on 2,000 more of the same source."""
    draw = np.random.default_rng(3)
    images = draw.integers(0, 256, (2199, 8, 8, 1), dtype=np.uint8)
    detector = AnomalyDetector(vae, contamination=0.1).fit(images[:199])
    reported = int(detector.predict(images[199:]).sum())
    low, high = detector.false_alarm_interval(level=0.99)
    seen = conformal.rate_interval(reported, count=2000, level=0.99)
    assert seen[0] < high
    assert seen[1] > low


def test_what_is_wrong_is_told_and_leaves_the_detector_as_it_was(vae):
    detector = AnomalyDetector(vae, contamination=0.2)
    for ask in (detector.predict, detector.p_values, detector.predict_proba):
        with pytest.raises(errors.InvalidValue, match="fit"):
            ask(IMAGES)
    detector.fit(NORMAL)
    known = detector.threshold_
    for bad, word in (
        (NORMAL[:3], "at least 4"),
        (NORMAL[:0], "has none"),
        (np.zeros((30, 8, 9, 1), np.uint8), "shape"),
        (np.full((30, 8, 8, 1), 2.0), "0, 1"),
    ):
        with pytest.raises(errors.InvalidValue, match=word):
            detector.fit(bad)
        assert detector.threshold_ == known
    for bad in ({"contamination": 0.7}, {"weight": -1.0}):
        with pytest.raises(errors.InvalidValue):
            AnomalyDetector(vae, **bad)
