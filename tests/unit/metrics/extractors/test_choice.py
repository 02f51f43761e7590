# SPDX-License-Identifier: Apache-2.0
"""Tests of the classifiers that come with the library."""

import pytest

from glf_tf import resources
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits
from glf_tf.metrics import archive
from glf_tf.metrics.extractors import choice, classifier, classifier_training

SHIPPED = sorted(resources.CLASSIFIERS.iterdir())


def test_classifier_of_the_digits_is_not_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier_training, "fit", pytest.fail)
    paths = paths_lib.DataPaths(cache_dir=tmp_path)
    data = digits.Digits(paths)
    splits = {split: data.load(split) for split in ("train", "test")}
    found = choice.make("classifier", paths=paths, **splits)
    assert found.accuracy > 0.95
    assert not list(tmp_path.iterdir())
    # It tells the classes apart, so that its weights are those of its file.
    right = found.classify(splits["test"].images) == splits["test"].labels
    assert right.mean() == pytest.approx(found.accuracy, abs=0.01)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_files_can_be_read(path):
    kinds = {"kind": classifier.KIND, "version": classifier.VERSION}
    arrays, _ = archive.load(path, **kinds)
    assert arrays["weight_10"].shape[1] == classifier.DIM


def test_there_are_classifiers_of_three_sets():
    assert len(SHIPPED) == 3
