# SPDX-License-Identifier: Apache-2.0
"""Masks that hide random pixels."""

__all__ = ["SaltAndPepper"]

import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.masks import mask


class SaltAndPepper(mask.AbstractMask):
    """Hides a random fraction of the pixels of each image.

    Exactly `round(share * height * width)` of them, with all such sets equally likely;
    a pixel of a colour image is hidden in all channels.

    Args:
        share: Fraction of hidden pixels, in (0, 1).
    """

    def __init__(self, image_shape: types.ImageShape, *, share: float = 0.5):
        super().__init__(image_shape)
        height, width, _ = self.image_shape
        self._pixels = height * width
        hidden = round(share * self._pixels) if 0.0 < share < 1.0 else 0
        if not 1 <= hidden < self._pixels:
            raise errors.InvalidValue(
                "The fraction of hidden pixels must leave at least one hidden and one "
                "visible",
                received=f"share={share} of {self._pixels} pixels",
                do="Use for instance --mask.share=0.5",
            )
        self._hidden = hidden

    def draw(self, index: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns the masks; see `AbstractMask`."""

        def ranks(image_index: tf.Tensor) -> tf.Tensor:
            return tf.random.experimental.stateless_shuffle(
                tf.range(self._pixels), seed=seeds.fold(seed, image_index), alg="philox"
            )

        drawn = tf.map_fn(ranks, index, fn_output_signature=tf.int32)
        visible = tf.cast(drawn >= self._hidden, tf.float32)
        return tf.reshape(visible, [-1, *self.image_shape[:2], 1])
