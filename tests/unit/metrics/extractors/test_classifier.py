# SPDX-License-Identifier: Apache-2.0
"""Tests of the classifier on the digits that scikit-learn brings along."""

import numpy as np
import pytest
from sklearn import datasets

from glf_tf.metrics import statistics_cache, suite
from glf_tf.metrics.extractors import classifier, classifier_training


@pytest.fixture(scope="module")
def digits():
    bunch = datasets.load_digits()
    images = np.rint(bunch.images * 255 / 16).astype(np.uint8)[..., np.newaxis]
    labels = bunch.target.astype(np.int64)
    return {
        "train": (images[:1200], labels[:1200]),
        "test": (images[1200:], labels[1200:]),
    }


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(digits, cache_dir):
    return classifier.load_or_fit(cache_dir, dataset="digits", **digits)


def tiny(count=40, *, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random([count, 6, 6, 1]), np.arange(count) % 2


def test_learns_the_digits(trained):
    assert trained.accuracy > 0.9


def test_stated_accuracy_is_the_true_one(trained, digits):
    # Nearest class mean in feature space: no worse than the last layer by much.
    images, labels = digits["train"]
    means = [trained(images[labels == k]).mean(axis=0) for k in range(10)]
    test_images, test_labels = digits["test"]
    gaps = trained(test_images)[:, np.newaxis] - np.stack(means)
    guesses = np.square(gaps).sum(axis=-1).argmin(axis=1)
    assert np.mean(guesses == test_labels) == pytest.approx(trained.accuracy, abs=0.1)


def test_features_are_activations_of_the_stated_width(trained, digits):
    result = trained(digits["test"][0][:7])
    assert result.shape == (7, classifier.DIM)
    assert result.dtype == np.float32
    assert result.min() >= 0


def test_features_of_an_image_do_not_depend_on_its_batch(trained, digits):
    images = digits["test"][0][:20]
    np.testing.assert_allclose(
        trained(images)[3:4], trained(images[3:4]), rtol=1e-4, atol=1e-5
    )


def test_distance_is_named_after_the_classifier(trained):
    assert trained.name == "classifier(digits)"
    assert suite.title("fd", extractor=trained.name) == "FD-classifier(digits)"


def test_second_call_loads_the_same_network(trained, digits, cache_dir, monkeypatch):
    monkeypatch.setattr(classifier_training, "fit", pytest.fail)
    again = classifier.load_or_fit(cache_dir, dataset="digits", **digits)
    assert again.checksum == trained.checksum
    assert again.accuracy == trained.accuracy
    images = digits["test"][0][:9]
    np.testing.assert_array_equal(again(images), trained(images))


@pytest.mark.usefixtures("eager")
def test_shipped_file_comes_before_the_cache(tmp_path, monkeypatch):
    data = {"train": tiny(), "test": tiny(seed=1), "dataset": "noise", "epochs": 1}
    shipped, cached = tmp_path / "shipped", tmp_path / "cached"
    first = classifier.load_or_fit(shipped, **data)
    classifier.load_or_fit(cached, **data)
    [ours], [other] = shipped.iterdir(), cached.iterdir()
    weights = first._head.get_weights()
    with np.load(ours) as found:
        arrays = dict(found)
    arrays["weight_13"] = weights[1] + 1
    np.savez(ours, **arrays)
    monkeypatch.setattr(classifier_training, "fit", pytest.fail)
    found = classifier.load_or_fit(cached, shipped=[shipped], **data)
    np.testing.assert_array_equal(found._head.get_weights()[1], weights[1] + 1)
    other.unlink()
    classifier.load_or_fit(cached, shipped=[shipped], **data)
    assert not list(cached.iterdir())


@pytest.mark.usefixtures("eager")
def test_held_out_images_decide_the_accuracy_alone(tmp_path):
    data = {"train": tiny(), "dataset": "noise", "epochs": 1}
    first = classifier.load_or_fit(tmp_path, test=tiny(seed=1), **data)
    images, labels = tiny(seed=1)
    other = classifier.load_or_fit(tmp_path, test=(images, 1 - labels), **data)
    assert len(list(tmp_path.iterdir())) == 1
    assert other.checksum == first.checksum
    assert other.accuracy == pytest.approx(1.0 - first.accuracy)


@pytest.mark.usefixtures("eager")
def test_other_data_seed_and_epochs_are_other_files(tmp_path):
    data = {"train": tiny(seed=0), "test": tiny(seed=1)}
    for changes in ({}, {"seed": 1}, {"epochs": 2}, {"train": tiny(seed=2)}):
        arguments = {"epochs": 1} | data | changes
        classifier.load_or_fit(tmp_path, dataset="noise", **arguments)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.usefixtures("eager")
def test_training_repeats_with_its_seed(tmp_path):
    data = {"train": tiny(), "test": tiny(seed=1)}
    first, again, other = (
        classifier.load_or_fit(
            tmp_path / folder, dataset="noise", epochs=1, seed=seed, **data
        )
        for folder, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    images = tiny(seed=3)[0]
    np.testing.assert_allclose(first(images), again(images), rtol=1e-4, atol=1e-5)
    assert not np.allclose(first(images), other(images))


@pytest.mark.usefixtures("eager")
def test_cache_of_another_version_is_trained_anew_with_a_warning(tmp_path, monkeypatch):
    data = {"train": tiny(), "test": tiny(seed=1)}
    classifier.load_or_fit(tmp_path, dataset="noise", epochs=1, **data)
    monkeypatch.setattr(classifier, "VERSION", 99)
    with pytest.warns(statistics_cache.StaleCacheWarning, match="version 99"):
        classifier.load_or_fit(tmp_path, dataset="noise", epochs=1, **data)


def test_failed_training_leaves_no_file(tmp_path):
    images, labels = tiny()
    images = images.copy()
    images[0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        classifier.load_or_fit(
            tmp_path, dataset="noise", train=(images, labels), test=tiny(), epochs=1
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("train_labels", "test_labels", "word"),
    [
        (np.zeros(39), np.zeros(40), "one label per image"),
        (np.zeros(40), np.zeros(40), "Labels must be 0"),
        (1 + np.arange(40) % 2, np.zeros(40), "Labels must be 0"),
        (np.arange(40) % 2, np.full(40, 2), "must occur among"),
    ],
)
def test_bad_labels_are_refused(train_labels, test_labels, word, tmp_path):
    images = tiny()[0]
    with pytest.raises(ValueError, match=word):
        classifier.load_or_fit(
            tmp_path,
            dataset="noise",
            train=(images, train_labels.astype(int)),
            test=(images, test_labels.astype(int)),
        )


def test_splits_of_two_shapes_are_refused(tmp_path):
    images, labels = tiny()
    with pytest.raises(ValueError, match="same shape"):
        classifier.load_or_fit(
            tmp_path,
            dataset="noise",
            train=(images, labels),
            test=(images[:, :5], labels),
        )
