# SPDX-License-Identifier: Apache-2.0
"""The classifier of channels: one of grey images, used on each of them."""

import numpy as np
import pytest

from glf_tf.metrics.extractors import channel_classifier, features


class Brightness(features.AbstractClassifier):
    """Finds the grey level, of ten, of images of one level; features are two of it."""

    def __init__(self):
        super().__init__(name="brightness", checksum="7", dim=2, batch_size=4)
        self.accuracy, self.classes = 0.9, 10

    def classify(self, images):
        level = np.asarray(images)[:, 0, 0, 0]
        return np.rint(level * (10 if level.dtype.kind == "f" else 10 / 255)).astype(
            int
        )

    def _extract(self, images):
        level = images[:, 0, 0, 0]
        return np.stack([level, -level], axis=-1)


@pytest.fixture
def stacks():
    digits = np.random.default_rng(0).integers(0, 10, [7, 1, 1, 3])
    return digits[:, 0, 0], np.float32(np.broadcast_to(digits / 10, [7, 5, 6, 3]))


@pytest.fixture
def made():
    return channel_classifier.ChannelClassifier(
        Brightness(), channels=3, dataset="stacked grey"
    )


def test_classes_are_numbers_of_the_digits_of_channels(made, stacks):
    digits, images = stacks
    expected = digits @ [100, 10, 1]
    np.testing.assert_array_equal(made.classify(images), expected)
    in_bytes = np.uint8(np.rint(images * 255))
    np.testing.assert_array_equal(made.classify(in_bytes), expected)


def test_features_are_those_of_one_channel_after_the_other(made, stacks):
    digits, images = stacks
    found = made(images)
    np.testing.assert_allclose(found[:, ::2], digits / 10, rtol=1e-6)
    np.testing.assert_allclose(found[:, 1::2], -digits / 10, rtol=1e-6)
    assert found.shape == (7, made.dim)


def test_accuracy_is_that_of_all_channels_at_once(made):
    assert made.accuracy == pytest.approx(0.9**3)
    assert made.classes == 1000


def test_it_is_called_after_its_set(made):
    assert made.name == "classifier(stacked grey)"
    assert made.checksum == "7"
