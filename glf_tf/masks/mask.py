# SPDX-License-Identifier: Apache-2.0
"""The base class of masks: functions of seed and index to visible pixels."""

__all__ = ["AbstractMask", "fixed"]

import abc

import numpy as np
import tensorflow as tf

from glf_tf import parts, types


class AbstractMask(parts.Part, abc.ABC):
    """A mask of images: 1 for visible pixels, 0 for hidden ones.

    Every image has hidden and visible pixels. The options of a mask are its
    constructor's keywords.
    """

    part_kind = "mask"

    def __init__(self, image_shape: types.ImageShape):
        """Initializes the mask.

        Args:
            image_shape: (height, width, channels) of the images.
        """
        self.image_shape = tuple(image_shape)

    @abc.abstractmethod
    def draw(self, index: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns the masks of images, float32 `[batch, height, width, 1]`.

        Args:
            index: Indices of the images, int `[batch]`. A mask depends on the seed and
                its image's index alone, so that an image always has the same mask.
            seed: A stateless seed.
        """


def fixed(visible: np.ndarray, *, index: tf.Tensor) -> tf.Tensor:
    """Returns the same mask for all images, float32 `[batch, height, width, 1]`.

    Args:
        visible: bool `[height, width]`.
        index: Indices of the images, int `[batch]`.
    """
    mask = tf.constant(visible, tf.float32)[None, :, :, None]
    return tf.tile(mask, [tf.shape(index)[0], 1, 1, 1])
