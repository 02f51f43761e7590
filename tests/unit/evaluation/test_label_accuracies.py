# SPDX-License-Identifier: Apache-2.0
"""Whether labels are found: by the rule of Bayes, and by a classifier of samples."""

import types

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.data import paths
from glf_tf.datasets import digits, without
from glf_tf.evaluation import evaluation, image_sources, label_accuracies
from glf_tf.evaluation import settings as settings_lib
from glf_tf.metrics.extractors import classifier
from glf_tf.models import glf
from tests import descriptors


@pytest.fixture(scope="module")
def data():
    loader = digits.Digits(paths.DataPaths())
    return loader.load("train"), loader.load("test")


class Recalls(glf.GLF):
    """A model whose samples of a label are the training images that have it."""

    def __init__(self, train):
        network = {"name": "mlp", "hidden": (4,)}
        super().__init__((8, 8, 1), latent_dim=2, network=network, num_classes=10)
        self.images = [
            np.float32(train.images[train.labels == k][:50]) / 255 for k in range(10)
        ]

    def _sample(self, n, *, seed, temperature, label=None):
        def draw(labels):
            return np.stack([self.images[k][i % 50] for i, k in enumerate(labels)])

        drawn = tf.numpy_function(draw, [label], tf.float32)
        return tf.ensure_shape(drawn, [None, 8, 8, 1])

    def label_log_probs(self, image):
        """Returns what is right where the upper left pixels of an image are black."""
        is_black = tf.reduce_all(image[:, :2, :2] < 0.1, axis=[1, 2, 3])
        return tf.one_hot(tf.where(is_black, 3, 5), 10)


@pytest.fixture(scope="module")
def model(data):
    return Recalls(data[0])


def make(data, **others):
    return evaluation.Evaluation(
        train=data[0],
        test=data[1],
        extractor=None,
        settings=settings_lib.Settings(samples=400),
        **others,
    )


def test_bayes_accuracy_counts_the_labels_that_are_found(data, model):
    (found,) = make(data).model(model, metrics=["bayes"])
    test = data[1]
    is_black = (test.images[:, :2, :2] < 0.1 * 255).all(axis=(1, 2, 3))
    expected = np.mean(np.where(is_black, 3, 5) == test.labels)
    assert 0.05 < expected == found.mean
    assert found.protocol.source == "test images"
    assert found.protocol.samples == len(test)


def test_the_classifier_finds_images_that_have_their_label(data, model, tmp_path):
    named = {
        part.split: (part.images, part.labels) for part in data
    }  # of real images, which samples here are
    made = classifier.load_or_fit(tmp_path, dataset="digits", **named)
    measuring = make(data, classifier=lambda: made)
    found = measuring.model(model, metrics=["label_accuracy"])
    mean, worst = (item.mean for item in found)
    assert 0.95 < mean <= 1.0
    assert 0.8 < worst <= mean
    assert found[0].protocol.samples == 400
    classes = made.classify(data[1].images)
    np.testing.assert_allclose(np.mean(classes == data[1].labels), made.accuracy)


@pytest.mark.parametrize("left_out", [None, 4])
def test_shares_are_those_of_each_label(left_out, data, model):
    """Of a classifier that finds one class alone."""
    train = data[0]
    if left_out is not None:
        train = without.Without(paths.DataPaths(), label=left_out).load("train")
    found = label_accuracies.of_samples(
        image_sources.ModelSamples(model),
        classifier=types.SimpleNamespace(classify=lambda x: np.full(len(x), 5)),
        train=train,
        samples=3,
        seed=0,
    )
    # Class 5 is label 6 where label 4 is left out: still the sixth that there is.
    np.testing.assert_array_equal(found, np.arange(len(np.unique(train.labels))) == 5)


def test_samples_are_drawn_as_they_are_asked_for(data, model, monkeypatch):
    """Temperature and guidance reach the samples of every metric, by one way."""
    asked, guided = [], type("Guided", (Recalls,), {"is_guidable": True})(data[0])
    monkeypatch.setattr(
        guided, "traced_sample", lambda n, **how: asked.append(how) or tf.zeros([n, 1])
    )
    finds = types.SimpleNamespace(
        classify=lambda x: np.zeros(len(x)), name="zeros", accuracy=0.1
    )
    how = {"temperature": 0.5, "guidance": 2.0}
    settings = settings_lib.Settings(samples=20, **how)
    measuring = evaluation.Evaluation(
        train=data[0],
        test=data[1],
        extractor=None,
        settings=settings,
        classifier=lambda: finds,
    )
    found = measuring.model(guided, metrics=["label_accuracy"])
    list(image_sources.ModelSamples(guided, **how).draw(3, seed=0))
    assert len(asked) == 2
    for given in asked:
        assert (float(given["temperature"]), float(given["guidance"])) == (0.5, 2.0)
    assert "label" in asked[0]
    assert found[0].protocol.source == "samples guided by 2"
    with pytest.raises(errors.Unsupported, match="Guidance"):
        image_sources.ModelSamples(model, guidance=2.0)


def test_labels_are_needed_of_the_model_and_of_the_images(data, model):
    with pytest.raises(errors.Unsupported, match="num_classes"):
        make(data).model(descriptors.model("glf"), metrics=["bayes"])
    with pytest.raises(errors.Unsupported, match="classifier"):
        make(data).model(model, metrics=["label_accuracy"])
    assert not {"bayes", "label_accuracy"} & set(
        settings_lib.supported(descriptors.model("glf"))
    )
    assert {"bayes", "label_accuracy"} <= set(settings_lib.supported(model))
