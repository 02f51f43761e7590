# SPDX-License-Identifier: Apache-2.0
"""A mask that somebody drew."""

__all__ = ["PictureMask"]

import pathlib

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.data import pictures
from glf_tf.masks import mask

_HALF = 128


class PictureMask(mask.AbstractMask):
    """Hides what is dark in a picture, and shows what is bright.

    Args:
        file: The picture, of the images' size; a pixel of half the brightness or more
            is visible, and so is what is transparent: it is laid on white.
    """

    def __init__(self, image_shape: types.ImageShape, *, file: types.Path = ""):
        super().__init__(image_shape)
        if not file:
            raise errors.InvalidValue(
                "A mask that somebody drew is read from a picture",
                received="no file",
                do="Pass --mask.file=NAME.png",
            )
        self._visible = _read(pathlib.Path(file).expanduser()) >= _HALF
        size = self.image_shape[:2]
        if self._visible.shape != size:
            raise errors.InvalidValue(
                "A mask has the size of the images",
                received=f"{_sized(self._visible.shape)} in {file} for images of "
                f"{_sized(size)}",
                do=f"Draw it with {_sized(size)} pixels",
            )
        if self._visible.all() or not self._visible.any():
            kind = "all visible" if self._visible.all() else "all hidden"
            raise errors.InvalidValue(
                "A mask has hidden pixels, which are dark, and visible ones",
                received=f"{file}, where they are {kind}",
                do="Draw both in black and white",
            )

    def draw(self, index: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns the masks, all the same; see `AbstractMask`."""
        del seed  # nothing is drawn
        return mask.fixed(self._visible, index=index)


def _read(file: pathlib.Path) -> np.ndarray:
    if not file.exists():
        raise errors.NotFound(
            "A mask's picture must be a file that exists",
            received=f"--mask.file={file}",
            do="Pass a PNG file of the images' size, white where they are visible",
        )
    return pictures.decode(file, channels=1).pixels[..., 0]


def _sized(shape: tuple[int, int]) -> str:
    return f"{shape[0]}x{shape[1]}"
