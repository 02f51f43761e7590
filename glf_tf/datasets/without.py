# SPDX-License-Identifier: Apache-2.0
"""Another data set without one of its classes, whose images are anomalies.

Zenati, Foo, Lecouat, Manek, Chandrasekhar: Efficient GAN-Based Anomaly Detection, 2018
(the pooled split). https://arxiv.org/abs/1802.06222
"""

__all__ = ["Without"]

import dataclasses
from typing import Literal

import numpy as np

from glf_tf import errors, seeds, types
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.datasets import wrapped


class Without(wrapped.AbstractWrapped):
    """Another data set without one of its classes.

    Two splits are common, whose fractions of anomalies differ by a factor of three:

        standard  the set's own; the anomalies are the class's test images
        pooled    trains on a random fraction of all normal images; tests on the
                  others, with all of the class's images

    Args:
        paths: Folders to search for the other set.
        dataset: The other set, which has labels.
        label: The class that is left out.
        split: "standard" or "pooled".
        train_share: Fraction of normal images in the training set of the pooled split.
        seed: Seed of the pooled split's permutation.
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
        super().__init__(paths, dataset=dataset)
        if not 0.0 < train_share < 1.0:
            raise errors.InvalidValue(
                "The fraction of normal images to train on must lie between 0 and 1",
                received=f"train_share={train_share}",
                do="Use for instance --dataset.train_share=0.8",
            )
        if split == "pooled" and "validation" in self.splits:
            raise errors.Unsupported(
                "A pooled split is made of the training and test images alone",
                received="dataset=held_out, whose held-out images it would lose",
                do="Use --dataset=held_out --dataset.dataset=without",
            )
        self.label, self.split = label, split
        seeds.check_not_negative(seed=seed)
        self._train_share, self._seed = train_share, seed

    def load(self, split: dataset_lib.Split) -> image_set.ImageSet:
        """Returns one split's normal images, with their labels.

        Raises:
            Unsupported: The other set has no labels, or has hidden pixels.
            InvalidValue: None or all of its images have the label.
        """
        if self.split == "standard":
            return self._part(split, is_left_out=False)
        dataset_lib.check_split(split)
        normal = self._pool(is_left_out=False)
        # NumPy guarantees that RandomState's stream never changes.
        order = np.random.RandomState(self._seed).permutation(len(normal))
        count = int(self._train_share * len(normal))
        chosen = order[:count] if split == "train" else order[count:]
        return dataclasses.replace(normal.select(np.sort(chosen)), split=split)

    def load_mixed(self) -> image_set.ImageSet:
        """Returns the test images: normal images, then those of the class.

        Images of the class have the label `label`.

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
        whole = self.whole.load(split)
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
