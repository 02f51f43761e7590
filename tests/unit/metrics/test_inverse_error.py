# SPDX-License-Identifier: Apache-2.0
"""Errors of inverses: what images they are of, and what is said of explosions."""

import numpy as np

from glf_tf.metrics import inverse_error

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 4, 4, 1), dtype=np.uint8)


def test_sets_are_of_one_size_and_as_their_names_say():
    found = inverse_error.image_sets(IMAGES, IMAGES[:280] // 2, seed=0)
    assert {images.shape for images in found.values()} == {(256, 4, 4, 1)}
    assert {images.dtype for images in found.values()} == {np.dtype(np.uint8)}
    constant, saturated = found["constant images"], found["saturated images"]
    assert sorted(constant[:, 0, 0, 0]) == list(range(256))
    assert np.ptp(constant, axis=(1, 2, 3)).max() == 0
    assert set(np.unique(saturated)) == {0, 255}
    assert len(np.unique(found["uniform noise"])) == 256
    assert found["test images"].max() < 128 <= found["train images"].max()
    again = inverse_error.image_sets(IMAGES, IMAGES[:280] // 2, seed=0)
    for name, images in found.items():
        np.testing.assert_array_equal(images, again[name])


def test_few_images_make_small_sets():
    found = inverse_error.image_sets(IMAGES, IMAGES[:5], seed=0)
    assert {len(images) for images in found.values()} == {5}
    assert set(found["constant images"][:, 0, 0, 0]) == {0, 64, 128, 191, 255}


def test_what_is_not_finite_counts_as_infinite():
    found = inverse_error.summary(np.array([1.0, np.nan, 3.0, np.inf, 2.0]))
    assert found == inverse_error.InverseError(
        max=np.inf, median=3.0, nonfinite=2, count=5
    )
    found = inverse_error.summary(np.array([1.0, 3.0]))
    assert found == inverse_error.InverseError(
        max=3.0, median=2.0, nonfinite=0, count=2
    )
