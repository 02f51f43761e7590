# SPDX-License-Identifier: Apache-2.0
"""Stripes: images that are drawn, and need no file."""

__all__ = ["Stripes"]

import numpy as np

from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset


class Stripes(dataset.AbstractDataset):
    """Grey 8x8 images of upright (class 0) or level (class 1) stripes.

    Args:
        paths: Not used.
        size: Images of the training split; the other has a fourth of it.
    """

    def __init__(self, paths: paths_lib.DataPaths, *, size: int = 128):
        super().__init__(paths)
        self.size = size

    def load(self, split):
        """Returns one split: images uint8 `[size, 8, 8, 1]`, labels in [0, 1]."""
        dataset.check_split(split)
        size = self.size if split == "train" else self.size // 4
        random = np.random.RandomState(0 if split == "train" else 1)
        levels = random.randint(0, 256, size=(size, 8, 1)) * np.ones((1, 1, 8), int)
        labels = random.randint(0, 2, size=size)
        levels[labels == 0] = levels[labels == 0].transpose(0, 2, 1)
        return image_set.ImageSet(
            name="stripes",
            split=split,
            images=levels.astype(np.uint8)[..., np.newaxis],
            labels=labels.astype(np.int64),
            source="drawn",
        )
