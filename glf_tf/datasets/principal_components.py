# SPDX-License-Identifier: Apache-2.0
"""Another data set's images as vectors: their first principal components."""

__all__ = ["PrincipalComponents"]

import numpy as np

from glf_tf import errors, types
from glf_tf.data import image_set, vector_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.datasets import wrapped

_LEAST_SHARE = 1e-12
"""Variance in shares of the largest, below which it is rounding."""


class PrincipalComponents(wrapped.AbstractWrapped):
    """Images of another data set as vectors of their first principal components.

        x = components (image / 255 - mean)

    with the mean of the training images, and their directions of largest variance, in
    this order, with a norm of 1. Labels are kept.

    Args:
        paths: Folders to search for the other set.
        dataset: The other set.
        count: Number of components.
    """

    def __init__(
        self,
        paths: paths_lib.DataPaths,
        *,
        dataset: types.Dataset = "digits",
        count: int = 16,
    ):
        super().__init__(paths, dataset=dataset)
        self.count = count

    def load(self, split: dataset_lib.Split) -> vector_set.VectorSet:
        """Returns one split: vectors float32 `[size, count]`.

        Raises:
            InvalidValue: There are fewer images or pixels than components, or fewer
                directions in which images differ.
            Unsupported: The other set has no images, or hidden pixels.
        """
        found = self._whole_images(split)
        train = _flat(found if split == "train" else self._whole_images("train"))
        if not 1 <= self.count <= min(train.shape):
            raise errors.InvalidValue(
                "There are as many components as pixels, or images if they are fewer",
                received=f"count={self.count} of {train.shape[1]} pixels and "
                f"{train.shape[0]} images",
                do=f"Use a --dataset.count from 1 to {min(train.shape)}",
            )
        # Imported here, as importing scikit-learn takes a second.
        from sklearn import decomposition

        axes = decomposition.PCA(self.count, svd_solver="covariance_eigh").fit(train)
        variances = axes.explained_variance_
        rank = int(np.sum(variances > _LEAST_SHARE * variances[0]))
        if rank < self.count:
            raise errors.InvalidValue(
                "There are as many components as directions in which images differ",
                received=f"count={self.count} of images that differ in {rank}",
                do=f"Use a --dataset.count from 1 to {rank}",
            )
        return vector_set.VectorSet(
            name=f"principal components of {found.name}",
            split=found.split,
            vectors=axes.transform(_flat(found)).astype(np.float32),
            labels=found.labels,
            source=found.source,
        )

    def _whole_images(self, split: dataset_lib.Split) -> image_set.ImageSet:
        found = self._images(split)
        if found.masks is not None:
            raise errors.Unsupported(
                "Principal components are those of whole images",
                received=f"the images of {found.name} with hidden pixels",
                do="Use a data set of images, such as --dataset.dataset=mnist",
            )
        return found


def _flat(images: image_set.ImageSet) -> np.ndarray:
    """Returns images as rows of numbers in [0, 1], float64."""
    return images.images.reshape(len(images), -1) / 255.0
