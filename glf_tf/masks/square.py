# SPDX-License-Identifier: Apache-2.0
"""Masks that hide a square."""

__all__ = ["SquareMask"]

from typing import Literal

import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.masks import mask


class SquareMask(mask.AbstractMask):
    """Hides a square.

    Args:
        size: Its side in pixels.
        place: Its position; "random" for another position in each image.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        size: int = 4,
        place: Literal[
            "center", "random", "top_left", "top_right", "bottom_left", "bottom_right"
        ] = "center",
    ):
        super().__init__(image_shape)
        height, width, _ = self.image_shape
        if not 1 <= size <= min(height, width) or size == max(height, width):
            raise errors.InvalidValue(
                "A hidden square must fit in the image and leave some pixels visible",
                received=f"size={size} for images of {height}x{width}",
                do=f"Use for instance --mask.size={max(1, min(height, width) // 2)}",
            )
        self.size, self.place = size, place

    def draw(self, index: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns the masks; see `AbstractMask`."""
        height, width, _ = self.image_shape
        top, left = self._corners(index, seed=seed)
        rows = _is_within(height, start=top, size=self.size)
        columns = _is_within(width, start=left, size=self.size)
        hidden = rows[:, :, None, None] & columns[:, None, :, None]
        return 1.0 - tf.cast(hidden, tf.float32)

    def _corners(
        self, index: tf.Tensor, *, seed: types.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the first row and column of each square, int32 `[batch]`."""
        height, width, _ = self.image_shape
        room = (height - self.size, width - self.size)
        if self.place == "random":
            return self._random_corners(index, seed=seed, room=room)
        shares = {"center": (0.5, 0.5)} | {
            f"{row}_{column}": (down, right)
            for row, down in (("top", 0.0), ("bottom", 1.0))
            for column, right in (("left", 0.0), ("right", 1.0))
        }
        places = zip(shares[self.place], room, strict=True)
        batch = tf.shape(index)
        return tuple(tf.fill(batch, int(share * most)) for share, most in places)

    def _random_corners(
        self, index: tf.Tensor, *, seed: types.Seed, room: tuple[int, int]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        rows, columns = (more + 1 for more in room)

        def place(image_index: tf.Tensor) -> tf.Tensor:
            return tf.random.stateless_uniform(
                [], seeds.fold(seed, image_index), maxval=rows * columns, dtype=tf.int32
            )

        places = tf.map_fn(place, index, fn_output_signature=tf.int32)
        return places // columns, places % columns


def _is_within(length: int, *, start: tf.Tensor, size: int) -> tf.Tensor:
    """Returns bool `[batch, length]`, true for positions in [start, start + size)."""
    places = tf.range(length)[None]
    return (places >= start[:, None]) & (places < start[:, None] + size)
