# SPDX-License-Identifier: Apache-2.0
"""A comparison by anomalies: of runs that left a class out of training."""

import sys

import numpy as np
import pytest

from glf_tf import catalogue
from glf_tf.comparison import comparison, detecting
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import training as training_lib
from glf_tf.data import paths as paths_lib
from glf_tf.evaluation import anomaly_sets, detection
from glf_tf.experiments import experiment, plan
from glf_tf.experiments import folder as run_folder
from glf_tf.training import options
from tests import descriptors

PATHS = paths_lib.DataPaths()
LAST = ("average_precision", "last")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """Two runs that left different digits out, each with two checkpoints."""
    folder = folder_lib.Folder(tmp_path_factory.mktemp("comparison"))
    found = []
    for label in (1, 4):
        dataset = {"name": "without", "dataset": "digits", "label": label}
        run = folder.run(f"vae_{label}")
        experiment.train(
            plan.Plan(
                dataset=dataset,
                model=descriptors.MODELS["vae"],
                training=options.Training(epochs={"": 2}, batch_size=200),
                reports=plan.Reports(
                    draw_every=0,
                    validate_every=0,
                    export=False,
                    save_every=1,
                    keep_checkpoints=9,
                ),
            ),
            run,
        )
        recipe_file = folder.path / f"vae_{label}.cfg"
        recipe_file.write_text("# Ours.\n")
        found.append(
            job_lib.Job(
                recipe=job_lib.Recipe(f"vae_{label}", recipe_file, published=""),
                seed=0,
                folder=run,
                command=(sys.executable, "-c", ""),
                plan={
                    "dataset": dataset,
                    "epochs": {"": 2},
                    "batch_size": 200,
                    "flags": {},
                },
            )
        )
    return folder, found


def _measured(run, **how):
    """Returns what is measured of a run, by (metric, source)."""
    job = job_lib.Job(
        recipe=job_lib.Recipe("any", run.path / "run.json", published=""),
        seed=0,
        folder=run,
        command=(sys.executable, "-c", ""),
        plan={"epochs": {"": 1}, "batch_size": 200, "dataset": {}, "flags": {}},
    )
    found = detecting.Detecting(paths=PATHS, **how).measure(job).measurements
    return {(one.metric, one.protocol.source): one.values[0] for one in found}


@pytest.fixture(scope="module")
def without_4(tmp_path_factory):
    """Runs of a model with chains, one with an encoder, and one with its own score."""
    found = {}
    for name in ("abp", "vae", "bigan"):
        run = run_folder.Folder(tmp_path_factory.mktemp(name) / "run")
        experiment.train(
            plan.Plan(
                dataset={"name": "without", "dataset": "digits", "label": 4},
                model=descriptors.MODELS[name],
                training=options.Training(epochs={"": 1}, batch_size=200),
                reports=plan.Reports(draw_every=0, validate_every=0, export=False),
            ),
            run,
        )
        found[name] = run
    return found


def test_a_chain_of_the_table_infers_latents_where_there_is_no_encoder(without_4):
    chain = {"name": "langevin", "steps": 30, "noise": False}
    by_chain = catalogue.build("inference", chain)
    found = {}
    for name, asked in (("abp", by_chain), ("vae", None)):
        run = without_4[name]
        images = anomaly_sets.of_run(run.path, paths=PATHS)
        how = {"weights": (2.0,), "chain": asked}
        expected = detection.detect(run.path, images, **how).scores(2.0)
        found[name] = _measured(run, weight=2.0, chain=chain)[LAST]
        np.testing.assert_allclose(found[name], expected.average_precision, rtol=1e-5)
    assert _measured(without_4["abp"], weight=2.0)[LAST] != found["abp"]


def test_a_score_of_a_models_own_has_no_weight(without_4):
    images = anomaly_sets.of_run(without_4["bigan"].path, paths=PATHS)
    found = _measured(without_4["bigan"], weight=0.0)[LAST]
    expected = detection.detect(without_4["bigan"].path, images, weights=(1.0,))
    value = expected.scores(1.0).average_precision
    np.testing.assert_allclose(found, value, rtol=1e-5)


def test_the_chain_and_the_weight_are_part_of_the_protocol():
    plain = detecting.Detecting(paths=PATHS)
    chained = detecting.Detecting(paths=PATHS, chain={"name": "langevin", "steps": 7})
    assert plain.identity != chained.identity
    assert "by langevin(steps=7)" in chained.text
    assert "langevin" not in plain.text


def test_each_run_finds_the_anomalies_of_its_own(jobs, monkeypatch):
    folder, found = jobs
    how = {"folder": folder, "measuring": detecting.Detecting(paths=PATHS, weight=0.5)}
    with training_lib.Children() as children:
        table = comparison.compare(found, children=children, **how)
    comparison.save(table, **how)
    assert folder.markdown.exists()
    assert not folder.samples.exists()
    for row, job in zip(table.rows, found, strict=True):
        images = anomaly_sets.of_run(job.folder.path, paths=PATHS)
        expected = detection.detect(job.folder.path, images, weights=(0.5,))
        scores = expected.scores(0.5)
        for metric in detecting.METRICS:
            value, _ = row.number(metric, source="last")
            np.testing.assert_allclose(value, getattr(scores, metric), rtol=1e-5)
        of = {
            s: row.number("average_precision", source=s)[0] for s in ("first", "last")
        }
        on_test, _ = row.number("average_precision", source="best_on_test")
        assert on_test == max(of.values())
        assert of["first"] != of["last"]
        assert row.number("scored_per_second", source="all")[0] > 0
    assert "chosen on the images that it is measured on" in table.to_markdown()

    monkeypatch.setattr(detecting.Detecting, "measure", None)  # nothing is done twice
    with training_lib.Children() as children:
        again = comparison.compare(found, children=children, **how)
    assert again.to_markdown() == table.to_markdown()
