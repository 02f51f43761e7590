# SPDX-License-Identifier: Apache-2.0
"""Modes in a comparison: of data sets whose channels are stacked, and of no others."""

import sys

import numpy as np
import pytest

from glf_tf.comparison import comparison, measuring
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import training as training_lib
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits, stacked_mnist
from glf_tf.evaluation import settings as settings_lib
from glf_tf.experiments import experiment, plan
from glf_tf.metrics.extractors import channel_classifier, features
from glf_tf.training import options
from tests import descriptors

PATHS = paths_lib.DataPaths()
STACKED = {"name": "stacked_mnist", "dataset": "digits", "count": 1000}
PROJECTION = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)


class Projection(features.AbstractClassifier):
    """Finds the largest of ten random projections of grey images."""

    def __init__(self):
        super().__init__(name="projection", checksum="0", dim=10, batch_size=100)
        self.accuracy, self.classes = 0.1, 10

    def classify(self, images):
        return np.argmax(self(images), axis=-1)

    def _extract(self, images):
        return np.reshape(images, [len(images), 64]) @ PROJECTION


def splits(dataset):
    return {split: dataset.load(split) for split in ("train", "test")}


@pytest.fixture(scope="module")
def stacked():
    return splits(stacked_mnist.StackedMnist(PATHS, dataset="digits", count=1000))


def make(data, extractor, **settings):
    settings = settings_lib.Settings(samples=100, **settings)
    return measuring.Measuring(**data, extractor=extractor, settings=settings)


@pytest.fixture(scope="module")
def by():
    return channel_classifier.ChannelClassifier(
        Projection(), channels=3, dataset="stacked digits"
    )


def test_a_comparison_on_stacks_counts_modes_beside_those_of_real_images(
    stacked, by, tmp_path
):
    folder = folder_lib.Folder(tmp_path)
    run = folder.run("rae")
    experiment.train(
        plan.Plan(
            dataset=STACKED,
            model=descriptors.MODELS["rae"],
            training=options.Training(epochs={"": 1}, batch_size=200),
            reports=plan.Reports(draw_every=0, validate_every=0, export=False),
        ),
        run,
    )
    flags = {"draw_every": 0}
    job = job_lib.Job(
        recipe=job_lib.Recipe("rae", tmp_path / "rae.cfg", published=""),
        seed=0,
        folder=run,
        command=(sys.executable, "-c", ""),
        plan={"dataset": STACKED, "epochs": {"": 1}, "batch_size": 200, "flags": flags},
    )
    asked = make(stacked, by, mode_samples=300)
    with training_lib.Children() as children:
        table = comparison.compare(
            [job], folder=folder, measuring=asked, children=children
        )
    head, real, row = (line.split() for line in table.to_text().splitlines()[:3])
    assert head[:5] == ["recipe", "modes", "KL", "of", "modes"]
    (covered, _), (kl, _) = (
        table.rows[0].number(metric, source="samples")
        for metric in ("modes_covered", "modes_kl")
    )
    assert row[:3] == ["rae", f"{covered:.4g}", f"{kl:.4g}"]
    assert 1 <= covered < float(real[2]) <= 300
    assert kl > float(real[3]) > 0
    assert any("by chance" in note for note in table.notes)


def test_the_number_of_samples_for_modes_matters_on_stacks_alone(stacked, by):
    for data, extractor, matters in (
        (stacked, by, True),
        (stacked, features.FunctionExtractor(len, name="len", dim=1), False),
        (splits(digits.Digits(PATHS)), Projection(), False),
    ):
        found = [
            make(data, extractor, mode_samples=count).identity for count in (300, 400)
        ]
        assert (found[0] != found[1]) == matters
