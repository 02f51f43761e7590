# SPDX-License-Identifier: Apache-2.0
"""Another data set, of whose training images a part is held out for choices."""

__all__ = ["HeldOut"]

import dataclasses

import numpy as np

from glf_tf import errors, types
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.datasets import wrapped

_SPLIT_SEED = 20200225


class HeldOut(wrapped.AbstractWrapped):
    """Another data set, of whose training images a part is held out for validation.

    A run is validated on them in the place of the test images, which it does not load:
    whatever is chosen, such as when to stop, is chosen without them.

    Args:
        paths: Folders to search for the other set.
        dataset: The other set.
        count: Number of training images to hold out, which are chosen at random, always
            the same ones.
    """

    def __init__(
        self,
        paths: paths_lib.DataPaths,
        *,
        dataset: types.Dataset = "digits",
        count: int = 200,
    ):
        super().__init__(paths, dataset=dataset)
        self.count = count

    def load(self, split: dataset_lib.Split) -> image_set.ImageSet:
        """Returns one split, with the other set's name, labels and masks.

        Raises:
            InvalidValue: The other set has too few training images.
        """
        if split == "test":
            return self.whole.load(split)
        whole = self.whole.load("train")
        if split == "validation":
            held_out = whole.select(self._is_held_out(whole))
            return dataclasses.replace(held_out, split=split)
        dataset_lib.check_split(split)
        return whole.select(~self._is_held_out(whole))

    @property
    def splits(self) -> tuple[dataset_lib.Split, ...]:
        """All three splits."""
        return dataset_lib.ALL_SPLITS

    def _is_held_out(self, whole: image_set.ImageSet) -> np.ndarray:
        """Returns bool `[size]`: true for the images that are held out."""
        if not 1 <= self.count < len(whole):
            raise errors.InvalidValue(
                "Images that are held out must leave some to train on",
                received=f"count={self.count} of the {len(whole)} of {whole.name}",
                do=f"Use a --dataset.count between 1 and {len(whole) - 1}",
            )
        # NumPy guarantees that RandomState's stream never changes; default_rng's may.
        order = np.random.RandomState(_SPLIT_SEED).permutation(len(whole))
        found = np.zeros(len(whole), bool)
        found[order[: self.count]] = True
        return found
