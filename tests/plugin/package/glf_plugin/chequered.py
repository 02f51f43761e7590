# SPDX-License-Identifier: Apache-2.0
"""Every second pixel hidden."""

__all__ = ["Chequered"]

import numpy as np

from glf_tf.masks import mask


class Chequered(mask.AbstractMask):
    """Hides the pixels of one colour of a chessboard.

    Args:
        is_first_hidden: Whether that at the upper left is.
    """

    def __init__(self, image_shape, *, is_first_hidden: bool = True):
        super().__init__(image_shape)
        row, column = np.indices(self.image_shape[:2])
        self._visible = (row + column) % 2 == int(is_first_hidden)

    def draw(self, index, *, seed):
        """Returns the masks, all the same; see `AbstractMask`."""
        del seed  # nothing is drawn
        return mask.fixed(self._visible, index=index)
