# SPDX-License-Identifier: Apache-2.0
"""What every mask is: which pixels of an image are visible, drawn by seed and index."""

__all__ = ["AbstractMask", "fixed"]

import abc

import numpy as np
import tensorflow as tf

from glf_tf import parts, types


class AbstractMask(parts.Part, abc.ABC):
    """A way to hide a part of each image: 1 where a pixel is visible, 0 where hidden.

    Some pixels are hidden and some are visible, whatever is drawn. The options of a
    mask are its constructor's keywords.
    """

    part_kind = "mask"

    def __init__(self, image_shape: types.ImageShape):
        """Initializes the mask.

        Args:
            image_shape: (height, width, channels) of the images that it is for.
        """
        self.image_shape = tuple(image_shape)

    @abc.abstractmethod
    def draw(self, index: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns the masks of images, float32 `[batch, height, width, 1]`.

        Args:
            index: Which images, int `[batch]`. A mask depends on the seed and on its
                own image's index alone, so that an image has the same one each time.
            seed: A stateless seed.
        """


def fixed(visible: np.ndarray, *, index: tf.Tensor) -> tf.Tensor:
    """Returns one mask for all images, float32 `[batch, height, width, 1]`.

    Args:
        visible: bool `[height, width]`.
        index: Which images, `[batch]`.
    """
    one = tf.constant(visible, tf.float32)[None, :, :, None]
    return tf.tile(one, [tf.shape(index)[0], 1, 1, 1])
