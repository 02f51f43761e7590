# SPDX-License-Identifier: Apache-2.0
"""Thresholds by normal images alone, and what they report."""

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.evaluation import alarms
from glf_tf.metrics import conformal


def scores(seed, *, normal=400, anomalies=50):
    draw = np.random.default_rng(seed)
    score = np.concatenate([draw.normal(size=normal), draw.normal(2, 1, anomalies)])
    return score, np.arange(normal + anomalies) >= normal


def test_half_of_the_normal_images_judges_the_others():
    score, is_anomaly = scores(0)
    by = alarms.calibration(score, is_anomaly)
    assert np.count_nonzero(~by.is_judged) == len(by.normal) == 200
    assert not is_anomaly[~by.is_judged].any()
    np.testing.assert_array_equal(by.normal, score[~by.is_judged])
    again = alarms.calibration(score + 1.0, is_anomaly)
    np.testing.assert_array_equal(by.is_judged, again.is_judged)


def test_images_that_are_held_out_judge_all_the_others():
    score, is_anomaly = scores(0)
    held_out = np.linspace(-1.0, 1.0, 99)
    by = alarms.calibration(score, is_anomaly, held_out=held_out)
    assert by.is_judged.all()
    np.testing.assert_array_equal(by.normal, held_out)
    expected = conformal.p_values(score, normal=held_out)
    np.testing.assert_array_equal(by.p_values(score), expected)


def test_the_threshold_knows_nothing_of_anomalies():
    score, is_anomaly = scores(1)
    higher = np.where(is_anomaly, score + 100.0, score)
    found = [
        alarms.alarms(
            each, is_anomaly, by=alarms.calibration(each, is_anomaly), false_alarms=0.1
        )
        for each in (score, higher)
    ]
    assert found[0].threshold == found[1].threshold
    assert found[0].false == found[1].false
    assert found[0].found.events < found[1].found.events == 50


def test_counts_are_of_images_that_did_not_set_the_threshold():
    score, is_anomaly = scores(2)
    by = alarms.calibration(score, is_anomaly)
    found = alarms.alarms(score, is_anomaly, by=by, false_alarms=0.1)
    fresh = score[by.is_judged & ~is_anomaly]
    assert found.false == alarms.Rate(int((fresh > found.threshold).sum()), 200)
    reported = int((score[is_anomaly] > found.threshold).sum())
    assert found.found == alarms.Rate(reported, 50)
    described = found.to_dict()
    assert described["normal"]["images"] == 200
    assert described["held_out_normal_images"] == 200
    low, high = described["anomalies"]["interval"]
    assert low < described["anomalies"]["rate"] == reported / 50 < high
    assert f"{reported} of 50" in found.summary()


def test_the_rate_of_fresh_normal_images_lies_in_the_printed_interval():
    """Of 1,000 thresholds, at least 93 % have a rate within; the level is 95 %."""
    within = []
    for seed in range(1000):
        score, is_anomaly = scores(seed, normal=78, anomalies=1)
        by = alarms.calibration(score, is_anomaly)
        found = alarms.alarms(score, is_anomaly, by=by, false_alarms=0.1)
        # Of normal scores, the rate of a threshold is known.
        fresh = np.random.default_rng(10_000 + seed).normal(size=4000)
        rate = np.mean(fresh > found.threshold)
        within.append(found.expected[0] <= rate <= found.expected[1])
    assert np.mean(within) > 0.93


def test_too_few_normal_images_are_refused():
    score, is_anomaly = scores(0, normal=30)
    by = alarms.calibration(score, is_anomaly)
    with pytest.raises(errors.InvalidValue, match="at least 19"):
        alarms.alarms(score, is_anomaly, by=by, false_alarms=0.05)


def test_no_image_at_all_is_no_error():
    score, is_anomaly = scores(0, anomalies=0)
    by = alarms.calibration(score, is_anomaly)
    found = alarms.alarms(score, is_anomaly, by=by, false_alarms=0.1)
    assert found.found.interval == (0.0, 1.0)
    assert found.to_dict()["anomalies"]["rate"] is None
