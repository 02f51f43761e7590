# SPDX-License-Identifier: Apache-2.0
"""The extractor without labels: the same everywhere, and it orders images rightly."""

import numpy as np
import pytest
import scipy.ndimage
from sklearn import datasets

from glf_tf.metrics import reference, suite
from glf_tf.metrics.extractors import random_convolutional


def pixels(shape=(6, 8, 8, 3)):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_is_a_function_of_the_seed():
    first, again, other = (
        random_convolutional.RandomConvolutional(3, seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first(pixels()), again(pixels()))
    assert first.checksum == again.checksum != other.checksum


def test_weights_are_those_of_every_machine():
    found = random_convolutional.RandomConvolutional(1)
    assert found.checksum == "8e5ea32c714831dd"


@pytest.mark.parametrize("side", [1, 3, 8, 65])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_have_features(side, channels):
    found = random_convolutional.RandomConvolutional(channels)
    features = found(pixels((2, side, side, channels)))
    assert features.shape == (2, random_convolutional.DIM)
    assert (features[0] != features[1]).any()


@pytest.mark.parametrize("spoil", ["noise", "blur"])
def test_distance_grows_with_noise_and_with_blur(spoil):
    images = datasets.load_digits().images[..., np.newaxis] / 16
    images = images[np.random.default_rng(0).permutation(len(images))]
    real = reference.Reference(
        images[:800],
        extractor=random_convolutional.RandomConvolutional(1),
        split="first",
    )
    noise = np.random.default_rng(1).normal(size=images[800:].shape)
    distances = []
    for dose in (0, 0.5, 1, 2):
        spoilt = np.clip(images[800:] + 0.2 * dose * noise, 0, 1)
        if spoil == "blur":
            sigma = (0, 0.8 * dose, 0.8 * dose, 0)
            spoilt = scipy.ndimage.gaussian_filter(images[800:], sigma=sigma)
        samples = real.extractor(spoilt)
        distances.append(suite.compute(["fd"], samples=samples, real=real, seed=0))
    values = [found["fd"] for found in distances]
    assert values == sorted(values)
    assert values[1] > 3 * values[0]
