# SPDX-License-Identifier: Apache-2.0
"""Another data set with hidden pixels, for learning from incomplete images.

Han, Lu, Zhu, Wu: Alternating Back-Propagation for Generator Network, 2017, section 5.3.
https://arxiv.org/abs/1606.08571
"""

__all__ = ["Occluded"]

import dataclasses
import functools

from glf_tf import parts, types
from glf_tf.data import image_set
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import dataset as dataset_lib
from glf_tf.datasets import wrapped


class Occluded(wrapped.AbstractWrapped):
    """Another data set with hidden pixels in its training images.

    Each image has a fixed mask, which batches provide as `mask`. Hidden pixels are 0,
    so that no training can use them. Other images are complete.

    Args:
        paths: Folders to search for the other set.
        dataset: The other set.
        mask: The mask, which determines the hidden pixels.
        seed: Seed of the masks.
    """

    def __init__(
        self,
        paths: paths_lib.DataPaths,
        *,
        dataset: types.Dataset = "digits",
        mask: types.Mask = "salt_and_pepper",
        seed: int = 0,
    ):
        super().__init__(paths, dataset=dataset)
        self._mask, self._seed = mask, seed

    def load(self, split: dataset_lib.Split) -> image_set.ImageSet:
        """Returns one split; the training split has `masks`.

        Raises:
            InvalidValue: The mask does not fit the images.
            Unsupported: The other set has no images.
        """
        whole = self._images(split)
        whole = dataclasses.replace(whole, name=f"occluded {whole.name}")
        if split != "train":
            return whole
        mask = parts.make("mask", self._mask, image_shape=whole.image_shape)
        draw = functools.partial(mask.draw, seed=self._seed)
        return dataclasses.replace(whole, masks=draw)
