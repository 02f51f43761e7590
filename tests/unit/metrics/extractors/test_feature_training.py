# SPDX-License-Identifier: Apache-2.0
"""Networks that are trained for their features: by whom, on what, into which file."""

import dataclasses

import keras
import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import paths
from glf_tf.datasets import digits, held_out
from glf_tf.metrics.extractors import classifier, feature_training
from tests import calls, descriptors

TINY = {"steps": 2, "widths": (3,)}


@pytest.fixture(scope="module")
def train():
    return digits.Digits(paths.DataPaths()).load("train")


def weights_of(path):
    return keras.saving.load_model(path).get_weights()


def test_by_labels_it_is_the_classifier_of_evaluation(train, tmp_path):
    few = dataclasses.replace(
        train, images=train.images[:300], labels=train.labels[:300]
    )
    found, accuracy = feature_training.train(few, by="labels")
    labelled = (few.images, few.labels)
    own = classifier.load_or_fit(tmp_path, dataset="d", train=labelled, test=labelled)
    np.testing.assert_array_equal(
        found(descriptors.batch()["image"], training=False),
        own._head(own._trunk(descriptors.batch()["image"])),
    )
    assert 0.5 < accuracy <= 1.0


def test_labels_are_needed_by_labels(train):
    with pytest.raises(errors.Unsupported, match="rotations"):
        feature_training.train(dataclasses.replace(train, labels=None), by="labels")


def test_vectors_are_refused():
    with pytest.raises(errors.Unsupported, match="for images"):
        feature_training.train(descriptors.vectors(), by="rotations")


def test_a_file_has_the_network_without_its_optimizer(train, tmp_path):
    network, _ = feature_training.train(train, by="rotations", **TINY)
    path = tmp_path / "features.keras"
    path.write_bytes(feature_training.content(network, beside=path))
    assert [file.name for file in tmp_path.iterdir()] == ["features.keras"]
    for left, right in zip(weights_of(path), network.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    assert not keras.saving.load_model(path).compiled


def call(tmp_path, *flags):
    return calls.call(
        "train_features", "--steps=2", "--widths=3", f"--out={tmp_path}/a.keras", *flags
    )


def test_the_tool_reads_training_images_alone(tmp_path, monkeypatch):
    """Neither test images nor those that are held out."""
    splits, load = [], held_out.HeldOut.load
    monkeypatch.setattr(
        held_out.HeldOut,
        "load",
        lambda self, split: splits.append(split) or load(self, split),
    )
    done = call(tmp_path, "--dataset=held_out")
    assert done.status == 0, done.stderr
    assert splits == ["train"]
    assert done.output.strip() == f"{tmp_path}/a.keras"
    data = held_out.HeldOut(paths.DataPaths()).load("train")
    expected, _ = feature_training.train(data, by="rotations", **TINY)
    for left, right in zip(
        weights_of(tmp_path / "a.keras"), expected.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ((), "--dataset"),
        (("--dataset=digits", "--by=labels"), "--by=rotations"),
        (("--dataset=digits", "--out=a.h5"), "NAME.keras|.keras file"),
        (("--dataset=digits", "--widths=1,1,1,1"), "halves"),
    ],
)
def test_the_tool_refuses_in_one_line(tmp_path, flags, word):
    done = call(tmp_path, *flags)
    assert done.status == 2
    assert word.split("|")[-1] in done.stderr
    assert not list(tmp_path.iterdir())
