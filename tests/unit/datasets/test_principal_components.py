# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits, principal_components

PATHS = paths_lib.DataPaths()


def made(**options):
    return principal_components.PrincipalComponents(PATHS, **options)


def test_components_are_those_of_the_training_images():
    """By NumPy's singular values, up to the sign of each axis."""
    train, test = (digits.Digits(PATHS).load(split) for split in ("train", "test"))
    flat = [each.images.reshape(len(each), -1) / 255.0 for each in (train, test)]
    mean = flat[0].mean(axis=0)
    axes = np.linalg.svd(flat[0] - mean, full_matrices=False)[2][:5]
    for split, rows in zip(("train", "test"), flat, strict=True):
        found = made(count=5).load(split)
        expected = (rows - mean) @ axes.T
        np.testing.assert_allclose(np.abs(found.vectors), np.abs(expected), atol=1e-4)
    np.testing.assert_array_equal(found.labels, test.labels)


@pytest.mark.parametrize("count", [0, 65])
def test_impossible_numbers_of_components_are_refused(count):
    with pytest.raises(errors.InvalidValue, match="from 1 to 64"):
        made(count=count).load("train")


def test_hidden_pixels_are_refused():
    with pytest.raises(errors.Unsupported, match="hidden pixels"):
        made(dataset="occluded").load("train")


def test_components_in_which_nothing_differs_are_refused():
    """Three pixels of the digits are 0 in all training images."""
    made(count=61).load("train")
    with pytest.raises(errors.InvalidValue, match=r"differ in 61\. Use .* 1 to 61"):
        made(count=62).load("train")
