# SPDX-License-Identifier: Apache-2.0
"""Another data set without one of its classes, whose images are then anomalies.

Zenati, Foo, Lecouat, Manek, Chandrasekhar: Efficient GAN-Based Anomaly Detection, 2018
(the pooled split). https://arxiv.org/abs/1802.06222
"""

__all__ = ["Without"]

import dataclasses
from typing import Literal

import numpy as np

from glf_tf import errors, parts, types
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib


class Without(dataset_lib.AbstractDataset):
    """Another data set without one of its classes.

    Two splits are in use, whose shares of anomalies differ by a factor of three:

        standard  the set's own; with the class's images, its test split
        pooled    of all normal images a share, drawn by a seed, is the training split;
                  the others, with all the class's images, are tested on

    Args:
        paths: Folders to search for the other set.
        dataset: The other set, which has labels.
        label: The class that is left out.
        split: Which of the two.
        train_share: Of normal images, in the pooled split.
        seed: Of the pooled split's permutation.
    """

    def __init__(
        self,
        paths: paths_lib.DataPaths,
        *,
        dataset: types.Dataset = "digits",
        label: int = 0,
        split: Literal["standard", "pooled"] = "standard",
        train_share: float = 0.8,
        seed: int = 42,
    ):
        super().__init__(paths)
        if not 0.0 < train_share < 1.0:
            raise errors.InvalidValue(
                "The share of normal images to train on must lie between 0 and 1",
                received=f"train_share={train_share}",
                do="Use for instance --dataset.train_share=0.8",
            )
        self._whole = parts.make("dataset", dataset, paths=paths)
        self.squaring = self._whole.squaring
        self.label, self.split = label, split
        self._train_share, self._seed = train_share, seed

    def report(self) -> tuple[str, ...]:
        """Returns what is told of the other set."""
        return self._whole.report()

    def load(self, split: dataset_lib.Split) -> image_set.ImageSet:
        """Returns one split's normal images, with their labels.

        Raises:
            Unsupported: The other set has no labels, or has hidden pixels.
            InvalidValue: None of its images, or all, have the label.
        """
        dataset_lib.check_split(split)
        if self.split == "standard":
            return self._part(split, is_left_out=False)
        normal = self._pool(is_left_out=False)
        # RandomState's stream is frozen by NumPy's promise.
        order = np.random.RandomState(self._seed).permutation(len(normal))
        count = int(self._train_share * len(normal))
        chosen = order[:count] if split == "train" else order[count:]
        return dataclasses.replace(normal.select(np.sort(chosen)), split=split)

    def load_mixed(self) -> image_set.ImageSet:
        """Returns what is tested on: normal images, then the class's.

        Those of the class are what has the label `label`.

        Raises:
            Unsupported: See `load`.
            InvalidValue: See `load`.
        """
        if self.split == "standard":
            left_out = self._part("test", is_left_out=True)
        else:
            left_out = self._pool(is_left_out=True)
        return self.load("test").joined(left_out)

    def _pool(self, *, is_left_out: bool) -> image_set.ImageSet:
        """Returns the images of both splits."""
        train, test = (
            self._part(split, is_left_out=is_left_out) for split in ("train", "test")
        )
        return dataclasses.replace(train.joined(test), split="test")

    def _part(
        self, split: dataset_lib.Split, *, is_left_out: bool
    ) -> image_set.ImageSet:
        whole = self._whole.load(split)
        self._check(whole)
        part = whole.select((whole.labels == self.label) == is_left_out)
        return dataclasses.replace(part, name=f"{whole.name} without {self.label}")

    def _check(self, whole: image_set.ImageSet) -> None:
        if whole.labels is None:
            raise errors.Unsupported(
                "A class is left out of a data set with labels",
                received=f"{whole.name}, which has none",
                do="Use another --dataset.dataset, such as mnist",
            )
        if whole.masks is not None:
            raise errors.Unsupported(
                "A class is left out before pixels are hidden",
                received=f"--dataset.dataset for {whole.name}",
                do="Use --dataset=occluded --dataset.dataset=without",
            )
        if not 0 < np.count_nonzero(whole.labels == self.label) < len(whole):
            raise errors.InvalidValue(
                "The class that is left out must be one of several in the data set",
                received=f"label={self.label} of {whole.name}",
                do=f"Use one of {np.unique(whole.labels)[:20].tolist()}",
            )
