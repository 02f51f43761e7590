# SPDX-License-Identifier: Apache-2.0
"""The first training images of another data set."""

__all__ = ["Subset"]

import dataclasses

from glf_tf import errors, types
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.datasets import wrapped


class Subset(wrapped.AbstractWrapped):
    """The first training images of another data set, with all of its test images.

    Args:
        paths: Folders to search for the other set.
        dataset: The other set.
        count: Number of training images.
    """

    def __init__(
        self,
        paths: paths_lib.DataPaths,
        *,
        dataset: types.Dataset = "digits",
        count: int = 1000,
    ):
        super().__init__(paths, dataset=dataset)
        self.count = count

    def load(self, split: dataset_lib.Split) -> image_set.ImageSet:
        """Returns one split, with the other set's labels and masks.

        Raises:
            InvalidValue: The other set has fewer training images.
        """
        whole = self.whole.load(split)
        size = len(whole)
        if split == "train":
            if not 1 <= self.count <= size:
                raise errors.InvalidValue(
                    "A subset cannot have more images than the data set",
                    received=f"count={self.count} of the {size} of {whole.name}",
                    do=f"Use a --dataset.count between 1 and {size}",
                )
            whole = whole.take(self.count)
        return dataclasses.replace(whole, name=f"{self.count} {whole.name}")
