# SPDX-License-Identifier: Apache-2.0
"""A user's images judged by a model of normal ones, and the pictures of both ends."""

import csv
import json

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.evaluation import extremes, judging, user_images
from glf_tf.plotting import extremes_figure
from glf_tf.tasks import anomaly
from glf_tf.tasks.anomaly_detector import AnomalyDetector
from tests import descriptors

NORMAL = descriptors.images(39, seed=1)
ASKED = user_images.UserImages(
    descriptors.images(11).images, [f"$x^{n}_0.png" for n in range(11)]
)


@pytest.fixture(scope="module")
def vae():
    return descriptors.model("vae_gaussian")


@pytest.fixture(scope="module")
def judged(vae):
    return judging.judge(vae, ASKED, normal=NORMAL, false_alarms=0.2)


def test_images_are_judged_as_by_a_detector(vae, judged):
    detector = AnomalyDetector(vae, contamination=0.2).fit(NORMAL.images)
    np.testing.assert_allclose(
        judged.score, detector.decision_function(ASKED.images), rtol=1e-6
    )
    np.testing.assert_allclose(judged.threshold, detector.threshold_, rtol=1e-6)
    rows = {row["image"]: row for row in csv.DictReader(judged.to_csv().splitlines())}
    for name, p, reported in zip(
        ASKED.names,
        detector.p_values(ASKED.images),
        detector.predict(ASKED.images),
        strict=True,
    ):
        assert float(rows[name]["p_value"]) == pytest.approx(p)
        assert rows[name]["is_reported"] == str(reported)
    described = json.loads(judged.to_json())
    assert described["reported"] == detector.predict(ASKED.images).sum()
    assert described["smallest_p_value"] == pytest.approx(1 / 40)
    assert described["rate_of_the_threshold"] == pytest.approx(
        list(detector.false_alarm_interval())
    )
    assert f"{described['reported']} reported" in judged.summary()


def test_lines_begin_with_the_most_anomalous_image(judged):
    rows = list(csv.DictReader(judged.to_csv().splitlines()))
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert rows[0]["image"] == ASKED.names[np.argmax(judged.score)]


def test_without_a_rate_nothing_is_reported(vae):
    judged = judging.judge(vae, ASKED, normal=NORMAL)
    assert judged.threshold is None
    assert "is_reported" not in judged.to_csv()
    assert "none is reported" in judged.summary()
    assert "threshold" not in json.loads(judged.to_json())


def test_too_few_normal_images_are_refused_before_anything_is_scored(vae, monkeypatch):
    monkeypatch.setattr(anomaly.Scorer, "__call__", None)
    with pytest.raises(errors.InvalidValue, match="at least 99"):
        judging.judge(vae, ASKED, normal=NORMAL, false_alarms=0.01)


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_extremes_are_the_ends_of_the_order_and_do_not_overlap(vae, count):
    images = descriptors.images(count).images
    scorer = anomaly.Scorer(vae)
    parts = scorer(images)
    score = parts.score()
    found = extremes.extremes(scorer, images, parts, weight=1.0)
    assert not set(found.most) & set(found.least)
    assert len(found.most) + len(found.least) == min(count, 2 * extremes.SHOWN)
    assert score[found.most[0]] == score.max()
    if count > 1:
        assert score[found.least[0]] == score.min()
        assert score[found.most].min() >= score[found.least].max()
    assert (np.diff(score[found.most]) <= 0).all()
    chosen = np.concatenate([found.most, found.least])
    expected = scorer.reconstructions(images, parts, chosen=np.arange(count))
    np.testing.assert_allclose(found.reconstructions, expected[chosen], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "has_pairs"),
    [("lfbm", True), ("bigan", True), ("meg", False), ("image_flow", False)],
)
def test_what_a_model_makes_of_images_is_drawn_beside_them(name, has_pairs):
    model = descriptors.model(name)
    scorer = anomaly.Scorer(model)
    parts = scorer(ASKED.images, seed=3)
    found = extremes.extremes(scorer, ASKED.images, parts, weight=1.0)
    assert (found.reconstructions is not None) == has_pairs
    if name == "lfbm":  # those of the latents that were scored, not of new chains
        chosen = np.concatenate([found.most, found.least])
        expected = model.decode(parts.latents[chosen])
        np.testing.assert_allclose(found.reconstructions, expected, atol=1e-5)
    figure = extremes_figure.draw(ASKED.images, found, captions=["x"] * 11)
    widths = {cell.images[0].get_array().shape for cell in figure.axes}
    assert len(figure.axes) == 11
    assert widths == ({(8, 17)} if has_pairs else {(8, 8)})


def test_names_and_numbers_stand_under_the_images(judged, tmp_path):
    figure = extremes_figure.of_judgement(judged)
    texts = [cell.texts[0].get_text() for cell in figure.axes]
    worst = np.argmax(judged.score)
    assert texts[0].startswith(rf"\$x^{worst}_0.png")
    assert f"{judged.score[worst]:.5g}, p = {judged.p_values[worst]:.3g}" in texts[0]
    figure.savefig(tmp_path / "x.png")  # names of users are no mathematics


def test_images_side_by_side_show_the_pixels(vae):
    scorer = anomaly.Scorer(vae)
    parts = scorer(ASKED.images)
    found = extremes.extremes(scorer, ASKED.images, parts, weight=1.0)
    marked = np.zeros(11, bool)
    marked[found.most[0]] = True
    figure = extremes_figure.draw(
        ASKED.images, found, captions=["x"] * 11, is_anomaly=marked
    )
    shown = figure.axes[0].images[0].get_array()
    original = ASKED.images[found.most[0]][..., 0] / 255.0
    np.testing.assert_allclose(shown[:, :8], original, atol=1e-6)
    np.testing.assert_allclose(
        shown[:, -8:], found.reconstructions[0][..., 0], atol=1e-6
    )
    colours = [cell.texts[0].get_color() for cell in figure.axes]
    assert len(set(colours[1:])) == 1
    assert colours[0] != colours[1]
