# SPDX-License-Identifier: Apache-2.0
"""Digits: 1,797 small scans that come with scikit-learn; no network is needed.

Alpaydin, Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998 (its test part). https://doi.org/10.24432/C50P49
"""

__all__ = ["Digits"]

import numpy as np

from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset

_MAX_VALUE = 16
_TEST_EVERY = 5
_SPLIT_SEED = 20200225


class Digits(dataset.AbstractDataset):
    """Digits: 1,433 and 364 grey handwritten digits of 8x8 pixels, in 10 classes.

    The split is ours, as the set has none: a fixed random fifth of each class is the
    test split.

    Args:
        paths: Not used; the set comes with scikit-learn.
    """

    def __init__(self, paths: paths_lib.DataPaths):
        super().__init__(paths)

    def load(self, split: dataset.Split) -> image_set.ImageSet:
        """Returns one split: images uint8 `[size, 8, 8, 1]`, labels in [0, 9]."""
        dataset.check_split(split)
        # Imported here, as importing scikit-learn takes a second.
        from sklearn import datasets

        bunch = datasets.load_digits()
        chosen = _is_test(bunch.target) == (split == "test")
        pixels = np.round(bunch.images[chosen] * (255 / _MAX_VALUE))
        return image_set.ImageSet(
            name="digits",
            split=split,
            images=pixels.astype(np.uint8)[..., np.newaxis],
            labels=bunch.target[chosen].astype(np.int64),
            source="scikit-learn",
        )


def _is_test(labels: np.ndarray) -> np.ndarray:
    """Returns bool `[size]`: true for every fifth image of each class, shuffled."""
    # NumPy guarantees that RandomState's stream never changes; default_rng's may.
    random = np.random.RandomState(_SPLIT_SEED)
    order = random.permutation(len(labels))
    result = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        result[order[labels[order] == label][::_TEST_EVERY]] = True
    return result
