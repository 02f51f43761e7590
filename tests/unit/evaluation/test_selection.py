# SPDX-License-Identifier: Apache-2.0
"""First, last and best checkpoints side by side, and the one chosen on test images."""

import csv
import itertools
import json

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.evaluation import anomaly_sets, detection, selection
from glf_tf.experiments import experiment, folder, plan, restore
from glf_tf.plotting import detection_figure
from glf_tf.training import options
from tests import calls, descriptors

PATHS = paths_lib.DataPaths()
BLIND = {
    "name": "held_out",
    "count": 100,
    "dataset": {"name": "without", "label": 4, "split": "pooled"},
}


def train(path, *, keep=10, epochs=3, data=BLIND, **reports):
    experiment.train(
        plan.Plan(
            dataset=data,
            model=descriptors.MODELS["vae"],
            training=options.Training(epochs={"": epochs}, batch_size=200),
            reports=plan.Reports(
                **{
                    "draw_every": 0,
                    "export": False,
                    "keep_checkpoints": keep,
                    "best_by": "validation/reconstruction",
                    **reports,
                }
            ),
        ),
        folder.Folder(path),
    )
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three epochs on digits without a 4, of which some normal ones are held out."""
    return train(tmp_path_factory.mktemp("runs") / "blind")


@pytest.fixture(scope="module")
def found(run):
    """Its checkpoints' detections."""
    asked = anomaly_sets.of_run(run, paths=PATHS)
    return selection.by_checkpoint(run, asked, weights=(1.0, 0.0))


def test_no_image_is_in_two_of_training_validation_and_test(run):
    asked = anomaly_sets.of_run(run, paths=PATHS)
    parts = [restore.load_data(run, name).images for name in ("train", "validation")]
    seen = [{image.tobytes() for image in part} for part in (*parts, asked.images)]
    for first, second in itertools.combinations(seen, 2):
        assert not first & second
    whole = [restore.load_data(run, name).labels for name in ("train", "validation")]
    assert not any((labels == 4).any() for labels in whole)


def test_each_kept_checkpoint_is_scored_as_it_was(run, found):
    steps = restore.kept_steps(run)
    assert len(steps) == 3
    assert steps == sorted(steps)
    kept = [each for each in found if each.checkpoint != "best"]
    assert [each.step for each in kept] == steps
    assert [each.checkpoint for each in kept] == [f"step {step}" for step in steps]
    scores = [each.densities.score() for each in kept]
    assert np.abs(scores[0] - scores[1]).max() > 0.1  # not one model thrice
    alone = detection.detect(run, found[0].anomaly_set, which="latest")
    np.testing.assert_array_equal(alone.densities.score(), scores[-1])
    assert alone.step == steps[-1]


def test_the_best_checkpoint_is_that_of_the_run_even_if_no_other_is_kept(tmp_path):
    # A scalar that only grows: the best is the first, which is not kept.
    run = train(tmp_path / "x", keep=1, best_by="validation/kl")
    asked = anomaly_sets.of_run(run, paths=PATHS)
    last, best = selection.by_checkpoint(run, asked)
    assert best.checkpoint == "best"
    assert best.step == restore.load(run, which="best").step
    expected = detection.detect(run, asked, which="best").densities.score()
    np.testing.assert_array_equal(best.densities.score(), expected)
    assert last.step == restore.load(run).step


def test_choices_are_the_first_the_last_the_best_and_a_look_at_the_test(run, found):
    chosen = selection.choices(found)
    by_name = {(each.checkpoint, each.weights): each for each in chosen}
    both = (1.0, 0.0)
    steps = restore.kept_steps(run)
    assert by_name["first", both].step == steps[0]
    assert by_name["last", both].step == steps[-1]
    assert by_name["best", both].step == restore.load(run, which="best").step
    for weight in both:
        top = by_name[selection.ON_TEST, (weight,)].scores(weight).average_precision
        all_of_them = [each.scores(weight).average_precision for each in found]
        assert top == max(all_of_them)
    assert len(chosen) == 5

    groups = detection.groups(chosen)
    names = list(selection.CHOICES)
    assert [(g.weight, g.checkpoint) for g in groups] == [
        *((1.0, name) for name in names),
        *((0.0, name) for name in names),
    ]
    text = detection_figure.table(groups)
    assert "chosen on the test images" in text.splitlines()[-1]
    described = json.loads(detection_figure.to_json(found, groups))
    assert [g["is_chosen_on_test"] for g in described["groups"][:4]] == [0, 0, 0, 1]
    assert [each["step"] for each in described["runs"]][:3] == steps
    figure = detection_figure.draw(chosen, weight=0.0)
    assert len(figure.axes[0].lines) == 1 + 4


@pytest.mark.parametrize("best_by", ["", "test/reconstruction"])
def test_without_a_best_one_there_is_none(best_by, tmp_path):
    # The second is not measured: images are held out, and the newest is called best.
    run = train(tmp_path / "x", epochs=1, best_by=best_by)
    assert (run / "checkpoints" / "best").exists() == bool(best_by)
    asked = anomaly_sets.of_run(run, paths=PATHS)
    found = selection.by_checkpoint(run, asked)
    names = [each.checkpoint for each in selection.choices(found)]
    assert names == ["first", "last", selection.ON_TEST]


def test_a_checkpoint_that_was_not_kept_is_no_other_one(run, tmp_path):
    asked = anomaly_sets.of_run(run, paths=PATHS)
    with pytest.raises(errors.NotFound, match="one of the steps"):
        detection.detect(run, asked, which=1)
    (tmp_path / "empty").mkdir()
    described = (run / "run.json").read_text()
    (tmp_path / "empty" / "run.json").write_text(described)
    with pytest.raises(errors.NotFound, match="needs a checkpoint"):
        restore.kept_steps(tmp_path / "empty")


@pytest.mark.slow
def test_the_tool_sets_them_side_by_side(run, tmp_path):
    out = tmp_path / "out"
    how = ("--checkpoint=all", "--false_alarms=0.1")
    done = calls.call("anomaly", f"--runs={run}", f"--out={out}", *how)
    assert done.status == 0, done.stderr
    for name in selection.CHOICES:
        assert name in done.output
    described = json.loads((out / "detection.json").read_text())
    assert len(described["groups"]) == 4
    last = restore.load(run).step
    rows = {each["step"]: each for each in described["runs"]}
    scores = rows[last]["scores"][0]
    assert scores["auroc"] == described["groups"][1]["auroc"]["mean"]
    assert scores["alarms"]["held_out_normal_images"] == 100
    lines = (out / f"scores_{run.name}.csv").read_text().splitlines()
    table = list(csv.DictReader(lines))
    p = np.array([float(row["p_value_1"]) for row in table])
    np.testing.assert_allclose(p * 101, np.rint(p * 101), atol=1e-9)
    normal = np.array([row["is_anomaly"] == "0" for row in table])
    reported = int((p[normal] <= 0.1).sum())
    assert scores["alarms"]["normal"]["reported"] == reported
    assert scores["alarms"]["normal"]["images"] == normal.sum()
    assert f"{reported} of {normal.sum()}" in done.output
