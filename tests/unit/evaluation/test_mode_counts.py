# SPDX-License-Identifier: Apache-2.0
"""Modes that samples cover, of stacked digits and of ordinary labels."""

import dataclasses
import json
import math
import pathlib
import shutil

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits, stacked_mnist, without
from glf_tf.evaluation import evaluation, image_sources
from glf_tf.evaluation import settings as settings_lib
from glf_tf.metrics.extractors import channel_classifier, choice, random_convolutional
from tests import calls

RUN = pathlib.Path(__file__).parents[2] / "data/runs/glf"


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return paths_lib.DataPaths(cache_dir=tmp_path_factory.mktemp("cache"))


def splits(dataset):
    return {split: dataset.load(split) for split in ("train", "test")}


@pytest.fixture(scope="module")
def stacked(paths):
    """Stacks of scikit-learn's digits, with a classifier that is trained once."""
    found = stacked_mnist.StackedMnist(paths, dataset="digits", count=2000)
    data = splits(found)
    return data, choice.make("classifier", **data, paths=paths)


def make(data, *, classifier, **settings):
    return evaluation.Evaluation(
        **data,
        extractor=None,
        settings=settings_lib.Settings(**settings),
        classifier=classifier and (lambda: classifier),
    )


def numbers(found):
    return {item.metric: item.mean for item in found}


def test_real_images_cover_all_modes(stacked):
    data, classifier = stacked
    measuring = make(data, classifier=classifier, reference_split="train")
    found = measuring.floor(metrics=["floor", "modes"])
    values = numbers(found)
    assert set(values) == {"modes_covered", "modes_kl"}
    assert values["modes_covered"] >= 995
    assert values["modes_kl"] < 0.05
    assert found[0].protocol.samples == len(data["test"]) == 26_000
    assert found[0].protocol.source == "real test images"
    assert "1,000 classes" in found[0].notes[0]
    assert "0.019 nats" in found[0].notes[0]


def test_images_without_a_digit_lack_its_modes(stacked):
    data, classifier = stacked
    test = data["test"]
    kept = test.select(test.labels // 100 != 7)
    source = image_sources.GivenImages(kept.images)
    measuring = make(data, classifier=classifier, mode_samples=20_000)
    values = numbers(measuring.samples(source, metrics=["modes"]))
    # The classifier mistakes a few other digits for a seven.
    assert 900 <= values["modes_covered"] < 975
    assert values["modes_kl"] == pytest.approx(math.log(10 / 9), abs=0.05)


def test_one_image_is_one_mode(stacked):
    data, classifier = stacked
    one = np.repeat(data["test"].images[:1], 60, axis=0)
    source = image_sources.GivenImages(one)
    measuring = make(data, classifier=classifier, mode_samples=50)
    found = measuring.samples(source, metrics=["modes"])
    values = numbers(found)
    assert values["modes_covered"] == 1
    assert values["modes_kl"] == pytest.approx(math.log(1000))
    assert found[0].protocol.samples == 50


def test_the_classifier_is_that_of_the_digits(stacked, paths):
    data, classifier = stacked
    assert isinstance(classifier, channel_classifier.ChannelClassifier)
    single = choice.make("classifier", **splits(digits.Digits(paths)), paths=paths)
    assert classifier.checksum == single.checksum
    assert classifier.accuracy == pytest.approx(single.accuracy**3)
    test = data["test"]
    right = np.mean(classifier.classify(test.images[:4000]) == test.labels[:4000])
    assert right == pytest.approx(classifier.accuracy, abs=0.03)
    assert "accuracy" in choice.described(classifier)


def test_modes_of_other_sets_are_their_classes_in_their_shares(paths):
    data = splits(without.Without(paths, label=4))
    classifier = choice.make("classifier", **data, paths=paths)
    # Of the digits 5 to 9 a tenth: the modes' shares are no longer equal.
    for split, part in data.items():
        keeps = (part.labels < 5) | (np.arange(len(part)) % 10 == 0)
        data[split] = part.select(keeps)
    measuring = make(data, classifier=classifier, reference_split="train")
    found = measuring.floor(metrics=["modes"])
    values = numbers(found)
    assert values["modes_covered"] == 9
    assert values["modes_kl"] < 0.05
    assert "9 classes" in found[0].notes[0]


def test_images_without_labels_have_no_modes(stacked):
    data = {
        split: dataclasses.replace(part, labels=None)
        for split, part in stacked[0].items()
    }
    source = image_sources.GivenImages(data["test"].images[:9])
    with pytest.raises(errors.Unsupported, match="labels"):
        make(data, classifier=None).samples(source, metrics=["modes"])


def test_modes_are_counted_by_a_classifier(stacked):
    source = image_sources.GivenImages(stacked[0]["test"].images[:9])
    with pytest.raises(errors.Unsupported, match="without one"):
        make(stacked[0], classifier=None).samples(source, metrics=["modes"])


def test_images_with_labels_alone_have_modes():
    assert "modes" in settings_lib.supported(None, has_labels=True)
    assert "modes" not in settings_lib.supported(None, has_labels=False)


def test_a_classifier_of_channels_needs_all_modes(paths):
    data = splits(stacked_mnist.StackedMnist(paths, dataset="digits", count=900))
    is_known = np.isin(data["test"].labels, data["train"].labels)
    data["test"] = data["test"].select(is_known)
    with pytest.raises(errors.Unsupported, match="100 are missing"):
        choice.make("classifier", **data, paths=paths)
    automatic = choice.make("auto", **data, paths=paths)
    assert isinstance(automatic, random_convolutional.RandomConvolutional)


def test_the_tool_counts_as_many_samples_as_it_is_asked_for(paths, tmp_path):
    run = shutil.copytree(RUN, tmp_path / "run")
    asked = ("--metrics=modes,floor", "--mode_samples=40", f"--workdir={run}")
    done = calls.call("evaluate", *asked, f"--cache_dir={paths.cache_dir}")
    assert done.status == 0, done.stderr
    rows = json.loads(done.output)
    assert [row["metric"] for row in rows] == ["modes_covered", "modes_kl"] * 2
    assert [row["protocol"]["samples"] for row in rows] == [40] * 4
    drawn, _, real, _ = (row["mean"] for row in rows)
    assert 1 <= drawn <= real <= 10
