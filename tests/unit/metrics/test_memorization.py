# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.memorization: copies are found, fresh images are not."""

import numpy as np
import pytest

from glf_tf.metrics import memorization


@pytest.fixture(scope="module")
def splits():
    rng = np.random.default_rng(0)

    def draw(count):
        return rng.random([count, 4, 4, 1])

    return {"train": draw(600), "test": draw(200), "fresh": draw(200)}


def check(samples, splits):
    return memorization.check(
        samples, train=splits["train"], test=splits["test"], seed=0
    )


def test_fresh_images_look_like_test_images(splits):
    result = check(splits["fresh"], splits)
    assert result.closer_to_train == pytest.approx(0.5, abs=0.12)
    assert result.copying == pytest.approx(0.5, abs=0.12)


def test_copies_are_found_with_their_originals(splits):
    result = check(splits["train"][100:150], splits)
    np.testing.assert_array_equal(result.nearest_train, np.arange(100, 150))
    np.testing.assert_array_equal(result.to_train, np.zeros(50))
    assert result.copying == 1.0
    # Only a third of the training images is among as many as there are test images.
    assert result.closer_to_train > 0.5


def test_near_copies_are_found(splits):
    noise = np.random.default_rng(1).normal(0, 0.01, [50, 4, 4, 1])
    samples = np.clip(splits["train"][:50] + noise, 0, 1)
    assert check(samples, splits).copying > 0.99


def test_poor_samples_are_far_from_everything(splits):
    result = check(np.zeros([50, 4, 4, 1]), splits)
    assert result.copying < 0.05


def test_distances_agree_with_loops(splits):
    result = check(splits["fresh"], splits)
    first = splits["fresh"][0]
    to_train = [np.linalg.norm(first - image) for image in splits["train"]]
    to_test = [np.linalg.norm(first - image) for image in splits["test"]]
    assert result.to_train[0] == pytest.approx(min(to_train), rel=1e-6)
    assert result.nearest_train[0] == np.argmin(to_train)
    assert result.to_test[0] == pytest.approx(min(to_test), rel=1e-6)
    assert result.test_to_train.shape == (200,)


def test_uint8_and_floats_may_be_mixed(splits):
    pixels = np.rint(splits["train"] * 255).astype(np.uint8)
    result = memorization.check(
        pixels[:20] / 255, train=pixels, test=splits["test"], seed=0
    )
    np.testing.assert_allclose(result.to_train, 0, atol=1e-6)


def test_summary_names_its_numbers(splits):
    summary = check(splits["fresh"], splits).summary()
    assert set(summary) == {
        "closer_to_train",
        "copying",
        "median_sample_to_train",
        "median_sample_to_test",
        "median_test_to_train",
    }


def test_refuses_images_of_two_shapes(splits):
    with pytest.raises(ValueError, match="same shape"):
        check(np.zeros([5, 8, 8, 1]), splits)


def test_refuses_values_out_of_range(splits):
    with pytest.raises(ValueError, match="samples must be finite"):
        check(np.full([5, 4, 4, 1], -1.0), splits)
