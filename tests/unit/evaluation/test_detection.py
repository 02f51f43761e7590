# SPDX-License-Identifier: Apache-2.0
"""Anomalies: whose scores they are, over seeds, against a left-out class and others."""

import csv
import dataclasses
import io
import json
import pathlib

import numpy as np
import pytest
import sklearn.metrics
from PIL import Image

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits
from glf_tf.evaluation import anomaly_sets, detection
from glf_tf.experiments import experiment, folder, plan, restore
from glf_tf.plotting import detection_figure
from glf_tf.tasks import anomaly
from glf_tf.training import options
from tests import calls, descriptors

PATHS = paths_lib.DataPaths()


def train(path, *, seed=0, data="without", model="vae", **options_of_data):
    spec = {"name": data, **options_of_data}
    experiment.train(
        plan.Plan(
            dataset=spec,
            model=descriptors.MODELS[model],
            training=options.Training(epochs={"": 1}, batch_size=200, seed=seed),
            reports=plan.Reports(draw_every=0, validate_every=0, export=False),
        ),
        folder.Folder(path),
    )
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that never saw a 4, in the pooled split."""
    path = tmp_path_factory.mktemp("runs") / "pooled"
    return train(path, label=4, split="pooled")


def test_anomaly_set_has_test_images_and_the_class_left_out(run):
    asked = anomaly_sets.of_run(run, paths=PATHS)
    found = [digits.Digits(PATHS).load(split) for split in ("train", "test")]
    labels = np.concatenate([part.labels for part in found])
    trained = restore.load_data(run, "train")
    assert asked.is_anomaly.sum() == (labels == 4).sum()
    assert len(asked.images) == len(labels) - len(trained)
    known = {image.tobytes() for image in trained.images}
    assert not known & {image.tobytes() for image in asked.images}
    assert asked.title == "digits without 4, pooled split"


def test_scores_are_those_of_the_runs_model(run, tmp_path):
    asked = anomaly_sets.of_run(run, paths=PATHS)
    found = detection.detect(run, asked, weights=(1.0, 0.5))
    model = restore.load_model(run)
    unit = np.float32(asked.images) / 255.0
    expected = -np.asarray(model.log_joint(unit, model.encode(unit), weight=0.5))
    np.testing.assert_allclose(found.densities.score(weight=0.5), expected, rtol=1e-3)
    ap = sklearn.metrics.average_precision_score(asked.is_anomaly, expected)
    assert found.scores(0.5).average_precision == pytest.approx(ap, abs=1e-3)

    rows = list(csv.DictReader(found.to_csv().splitlines()))
    assert len(rows) == len(asked.images)
    column = np.array([float(row["score_0.5"]) for row in rows])
    np.testing.assert_allclose(column, expected, rtol=1e-3)
    assert sum(int(row["is_anomaly"]) for row in rows) == asked.is_anomaly.sum()
    normal = np.array([float(r["rank_1"]) for r in rows if r["is_anomaly"] == "0"])
    np.testing.assert_allclose(normal.mean(), 0.5, atol=0.01)
    # Without a validation split, half of the normal images judge the rest.
    empty = [row["p_value_1"] == "" for row in rows]
    assert sum(empty) == int((~asked.is_anomaly).sum()) // 2
    assert not any(row["is_anomaly"] == "1" and row["p_value_1"] == "" for row in rows)


def test_a_model_with_a_score_of_its_own_is_scored_by_it(run, tmp_path):
    own = train(tmp_path / "own", model="bigan", label=4, split="pooled")
    asked = anomaly_sets.of_run(own, paths=PATHS)
    model, unit = restore.load_model(own), np.float32(asked.images) / 255.0
    for name in (None, "feature_matching"):
        found = detection.detect(own, asked, weights=(1.0, 0.5), score=name)
        terms = model.anomaly_terms(unit, score=name)
        expected = 0.5 * terms["error"] + terms["critic"]
        np.testing.assert_allclose(found.densities.score(weight=0.5), expected, 1e-3)
        assert found.inferred_by == f"score={name or 'cross_entropy'}"
    row = next(csv.DictReader(found.to_csv().splitlines()))
    assert {"error", "critic", "score_1", "rank_0.5"} <= set(row)
    figure = detection_figure.draw([found], weight=0.5)
    assert figure.get_suptitle() == "score: 0.5 error + critic"
    wider = dataclasses.replace(asked, images=np.zeros((2, 8, 9, 1), np.uint8))
    for bad, word, images in (
        ({"score": "mine"}, "feature_matching", asked),
        ({"start": "prior"}, "chain", asked),
        ({}, "shape", wider),
    ):
        with pytest.raises(errors.UserError, match=word):
            detection.detect(own, images, **bad)
    with pytest.raises(errors.Unsupported, match="score of its own"):
        detection.detect(run, asked, score="cross_entropy")
    out = tmp_path / "out"
    done = calls.call("anomaly", f"--runs={own}", f"--out={out}", f"--score={name}")
    assert done.status == 0, done.stderr
    (described,) = json.loads((out / "detection.json").read_text())["runs"]
    assert described["latents"] == "score=feature_matching"


def test_numbers_are_averaged_over_seeds_alone():
    asked = anomaly_sets.AnomalySet(
        "digits", np.zeros((4, 8, 8, 1), np.uint8), np.arange(4) >= 2, list("abcd")
    )

    def made(identity, seed, scores):
        return detection.Detection(
            run=pathlib.Path(f"{identity}_{seed}"),
            title="vae: digits",
            identity=identity,
            seed=seed,
            inferred_by="encoder",
            anomaly_set=asked,
            densities=anomaly.LogDensities(-np.array(scores), np.zeros(4)),
            weights=(1.0, 2.0),
        )

    runs = [
        made("x", 0, [1.0, 3.0, 2.0, 4.0]),  # of four pairs three are in order
        made("x", 1, [1.0, 2.0, 3.0, 4.0]),
        made("y", 0, [4.0, 3.0, 2.0, 1.0]),
    ]
    groups = detection.groups(runs)
    assert [(group.weight, list(group.seeds)) for group in groups] == [
        *((1.0, [0, 1]), (2.0, [0, 1])),
        *((1.0, [0]), (2.0, [0])),
    ]
    assert groups[0].mean("auroc") == pytest.approx(0.875)
    assert groups[0].deviation("auroc") == pytest.approx(np.std([0.75, 1], ddof=1))
    assert groups[2].mean("auroc") == 0.0
    assert groups[2].deviation("auroc") is None
    assert groups[0].title == "vae: digits (x_0)"  # as "y" has the same title
    text = detection_figure.table(groups)
    assert "0.875 ± 0.177" in text
    assert "chosen on the test images" not in text
    found = json.loads(detection_figure.to_json(runs, groups))
    assert found["groups"][0]["auroc"]["values"] == [0.75, 1.0]
    figure = detection_figure.draw(runs, weight=1.0)
    roc, precision = figure.axes
    assert len(roc.lines) == 1 + 3
    assert len(precision.lines) == 2 * 3
    many = [made(f"run {n}", 0, [1.0, 2.0, 3.0, 4.0]) for n in range(20)]
    assert drawn_height(many) > 0.95 * drawn_height(runs)


def drawn_height(runs):
    """Height of the curves in inches."""
    figure = detection_figure.draw(runs, weight=1.0)
    figure.savefig(io.BytesIO())
    return figure.axes[0].get_position().height * figure.get_size_inches()[1]


def test_runs_that_differ_by_their_seeds_have_one_identity(run, tmp_path):
    described = folder.Folder(run).read()

    def identity(**changes):
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        path.mkdir()
        (path / "run.json").write_text(json.dumps({**described, **changes}))
        return detection._identity(folder.Folder(path).read(), title="x")

    data = described["dataset"]
    assert identity() == identity(seed=3) == identity(dataset={**data, "seed": 1})
    assert identity() != identity(dataset={**data, "label": 5})
    assert identity() != identity(model={"name": "glf"})


def test_a_folder_of_pictures_is_set_against_the_test_images(run, tmp_path):
    pictures, paths = (
        tmp_path / "mine",
        paths_lib.DataPaths(cache_dir=tmp_path / "cache"),
    )
    pictures.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
    for index, image in enumerate(noise):
        Image.fromarray(image).save(pictures / f"{index}.png")
    asked = anomaly_sets.of_run(run, paths=paths, against=str(pictures))
    test = restore.load_data(run, "test")
    assert list(asked.is_anomaly) == [False] * len(test) + [True] * 3
    assert list(asked.names[-3:]) == ["0.png", "1.png", "2.png"]
    assert asked.images.shape[1:] == (8, 8, 1)
    found = detection.detect(run, asked)
    assert found.scores(1.0).chance == pytest.approx(3 / (3 + len(test)))


def test_arrays_and_data_sets_are_scored_alike(run, tmp_path):
    other = digits.Digits(PATHS).load("test").images
    np.save(tmp_path / "x.npy", np.float32(other) / 255.0)
    by_name, by_file = (
        anomaly_sets.of_run(run, paths=PATHS, against=against)
        for against in ("digits", str(tmp_path / "x.npy"))
    )
    np.testing.assert_array_equal(by_name.images, by_file.images)
    np.testing.assert_array_equal(by_name.images[by_name.is_anomaly], other)


def test_what_cannot_be_scored_is_refused(run, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 9, 1), np.uint8))
    for against, word in (
        (str(tmp_path / "x.npy"), "shape of the run's data"),
        (str(tmp_path / "nowhere"), "does not exist"),
    ):
        with pytest.raises(errors.UserError, match=word):
            anomaly_sets.of_run(run, paths=PATHS, against=against)
    asked = anomaly_sets.of_run(run, paths=PATHS)
    with pytest.raises(errors.InvalidValue, match="weight=-1"):
        detection.detect(run, asked, weights=[-1.0])
    wider = dataclasses.replace(asked, images=np.zeros((2, 8, 9, 1), np.uint8))
    with pytest.raises(errors.InvalidValue, match="shape of the model"):
        detection.detect(run, wider)


def test_a_run_that_left_nothing_out_must_be_reported_what_anomalies_are(tmp_path):
    described = {
        "dataset": {"name": "digits"},
        "model": {"name": "glf"},
        "data_dir": "",
        "arguments": {"image_shape": [8, 8, 1]},
        "batch_size": 1,
        "seed": 0,
    }
    (tmp_path / "run.json").write_text(json.dumps(described))
    with pytest.raises(errors.InvalidValue, match="--against"):
        anomaly_sets.of_run(tmp_path, paths=PATHS)
