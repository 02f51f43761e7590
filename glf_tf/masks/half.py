# SPDX-License-Identifier: Apache-2.0
"""Masks that hide one half of the image."""

__all__ = ["HalfMask"]

from typing import Literal

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.masks import mask


class HalfMask(mask.AbstractMask):
    """Hides one half of the image; the smaller part of an odd number of pixels.

    Args:
        side: Which half is hidden.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        side: Literal["left", "right", "top", "bottom"] = "right",
    ):
        super().__init__(image_shape)
        height, width, _ = self.image_shape
        is_upright = side in ("top", "bottom")
        length = height if is_upright else width
        if length < 2:
            raise errors.InvalidValue(
                "An image with a hidden half needs two pixels in that direction",
                received=f"side={side} for images of {height}x{width}",
                do="Hide a half in the other direction",
            )
        is_visible = np.arange(length) >= length // 2
        if side in ("right", "bottom"):
            is_visible = is_visible[::-1]
        lines = is_visible[:, None] if is_upright else is_visible[None, :]
        self._visible = np.broadcast_to(lines, (height, width))

    def draw(self, index: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns the masks, all the same; see `AbstractMask`."""
        del seed  # no randomness
        return mask.fixed(self._visible, index=index)
