# SPDX-License-Identifier: Apache-2.0
"""Pictures of runs: of what each model has, and of vectors in the plane alone."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from glf_tf import catalogue
from glf_tf.callbacks import drawing
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits
from glf_tf.experiments import experiment, folder, plan
from glf_tf.training import callback, options, summaries
from tests import descriptors


def trained(workdir, *, data_dir=None, dataset):
    experiment.train(
        plan.Plan(
            model={"name": "density", "prior": {"name": "mixture", "components": 2}},
            dataset=dataset,
            training=options.Training(epochs={"": 1}, batch_size=8),
            paths=paths_lib.DataPaths(data_dir=data_dir),
        ),
        folder.Folder(workdir),
    )
    return folder.Folder(workdir).pictures


def test_a_run_in_the_plane_draws_its_density(tmp_path):
    drawn = trained(tmp_path / "run", dataset={"name": "toy", "size": 40})
    with Image.open(drawn / "density.png") as picture:
        assert picture.size == (580, 192)
        assert np.asarray(picture).min() < 100
    assert [file.name[:7] for file in (drawn / "steps").iterdir()] == ["density"]


@pytest.mark.parametrize("columns", [1, 3])
def test_a_run_elsewhere_draws_nothing(columns, tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, columns))
    np.save(tmp_path / "table.npy", rows)
    drawn = trained(
        tmp_path / "run",
        data_dir=tmp_path / "table.npy",
        dataset={"name": "vectors"},
    )
    assert not drawn.exists() or not any(drawn.rglob("*.png"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("glf", {"samples", "reconstructions", "interpolations"}),
        ("lfbm", {"samples", "reconstructions"}),
        ("gan", {"samples", "critic"}),
        ("began", {"samples", "critic"}),
        ("meg", {"samples", "critic"}),
    ],
)
def test_each_model_draws_what_it_has(name, expected, tmp_path):
    images = digits.Digits(paths_lib.DataPaths()).load("test")
    model = catalogue.build("model", descriptors.MODELS[name], image_shape=(8, 8, 1))
    drawing.Pictures(
        callback.Every(epochs=1),
        model=model,
        data=images,
        folder=tmp_path,
        writer=summaries.Summaries(None),
        seed=0,
    ).run(callback.Moment("joint", 1, 1, 1, 1, 1, 1.0))
    assert {file.stem for file in tmp_path.glob("*.png")} == expected


def test_a_critic_orders_images_by_its_score(monkeypatch):
    images = digits.Digits(paths_lib.DataPaths()).load("test")
    model = catalogue.build("model", descriptors.MODELS["gan"], image_shape=(8, 8, 1))
    # The more ink, the realer.
    monkeypatch.setattr(model, "score", lambda x: tf.reduce_sum(x, axis=[1, 2, 3]))
    drawn = drawing.Pictures(
        callback.Every(epochs=1),
        model=model,
        data=images,
        folder=None,
        writer=summaries.Summaries(None),
        seed=0,
    )._draw()["critic"]
    rows = drawn.astype(float).mean(axis=(1, 2))
    first, last = rows[: len(rows) // 8], rows[3 * len(rows) // 8 : len(rows) // 2]
    assert first.mean() < last.mean()
