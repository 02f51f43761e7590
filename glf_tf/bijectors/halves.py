# SPDX-License-Identifier: Apache-2.0
"""The two halves of an image: the one that a step keeps, and the one it transforms.

Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2016, section 3.4.
https://arxiv.org/abs/1605.08803
"""

__all__ = ["Half", "Halves", "Masking"]

from collections.abc import Sequence
from typing import Literal

import numpy as np
import tensorflow as tf

from glf_tf import errors
from glf_tf.bijectors import coupling, step

Masking = Literal["channels", "checkerboard"]
"""What a half is: half of the channels, or every other pixel."""

Half = Literal["first", "second"]
"""The first half of a checkerboard has the pixels whose row and column have an even
sum."""


class Halves:
    """The half of images that is transformed, and the half that is kept.

    Attributes:
        kept_channels: Number of channels of what `kept` returns.
        channels: Number of channels that are transformed.
    """

    def __init__(self, event_shape: Sequence[int], *, masking: Masking, half: Half):
        """Initializes the halves.

        Args:
            event_shape: (height, width, channels).
            masking: What a half is.
            half: The half that is transformed.

        Raises:
            InvalidValue: The channels have no halves.
        """
        step.check_choice("masking", masking, Masking)
        step.check_choice("transforms", half, Half)
        *self._size, self._all = event_shape
        self._is_checkerboard = masking == "checkerboard"
        self._is_first = half == "first"
        self.kept_channels = self.channels = self._all
        if not self._is_checkerboard:
            _check_channels(event_shape)
            sizes = coupling.halves(self._all)
            order = sizes[::-1] if self._is_first else sizes
            self.kept_channels, self.channels = order

    def kept(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the channels that are kept, or zeros in place of other pixels."""
        if self._is_checkerboard:
            return x * (1.0 - self._pixels(x.dtype))
        first = self._all // 2
        return x[..., first:] if self._is_first else x[..., :first]

    def moments(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns mean and variance of what is transformed, both `[channels]`."""
        if self._is_checkerboard:
            return tf.nn.weighted_moments(x, [0, 1, 2], self._pixels(x.dtype)[None])
        first = self._all // 2
        half = x[..., :first] if self._is_first else x[..., first:]
        return tf.nn.moments(half, [0, 1, 2])

    def padded(self, values: tf.Tensor) -> tf.Tensor:
        """Returns values for all of an image, 0 where it is kept.

        Args:
            values: `[channels]` or `[batch, height, width, channels]`.
        """
        if self._is_checkerboard:
            return values * self._pixels(values.dtype)
        sides = [0, self.kept_channels] if self._is_first else [self.kept_channels, 0]
        return tf.pad(values, [[0, 0]] * (values.shape.rank - 1) + [sides])

    def mask(self, x: tf.Tensor) -> tf.Tensor:
        """Returns 1 where the pixels of `x` are kept, `[batch, height, width, 1]`."""
        kept = 1.0 - self._pixels(x.dtype)
        return tf.broadcast_to(kept, [tf.shape(x)[0], *self._size, 1])

    def _pixels(self, dtype: tf.DType) -> tf.Tensor:
        """Returns 1 where a checkerboard is transformed, `[height, width, 1]`."""
        rows, columns = np.indices(self._size)
        parity = 0 if self._is_first else 1
        return tf.constant(((rows + columns) % 2 == parity)[..., None], dtype)


def _check_channels(event_shape: Sequence[int]) -> None:
    if event_shape[-1] < 2:
        raise errors.InvalidValue(
            "Halves of channels need at least two of them",
            received=f"images {tuple(event_shape)}",
            do='Squeeze first, or use masking="checkerboard"',
        )
