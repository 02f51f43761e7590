# SPDX-License-Identifier: Apache-2.0
"""Masks from a picture."""

__all__ = ["PictureMask"]

import pathlib

import tensorflow as tf
from absl import logging

from glf_tf import errors, types
from glf_tf.data import decoding, pictures
from glf_tf.masks import mask

_HALF = 128


class PictureMask(mask.AbstractMask):
    """Hides the dark pixels of a picture, and shows the bright ones.

    Args:
        file: The picture, of the images' size; pixels of at least half the brightness
            are visible, and so are transparent ones, which are laid on white.
    """

    def __init__(self, image_shape: types.ImageShape, *, file: types.Path = ""):
        super().__init__(image_shape)
        if not file:
            raise errors.InvalidValue(
                "This mask needs a picture",
                received="no file",
                do="Pass --mask.file=NAME.png",
            )
        found = _read(pathlib.Path(file).expanduser())
        self._visible = found.pixels[..., 0] >= _HALF
        size = self.image_shape[:2]
        if self._visible.shape != size:
            raise errors.InvalidValue(
                "A mask must have the size of the images",
                received=f"{_sized(self._visible.shape)} in {file} for images of "
                f"{_sized(size)}",
                do=f"Draw it with {_sized(size)} pixels",
            )
        if self._visible.all() or not self._visible.any():
            kind = "all visible" if self._visible.all() else "all hidden"
            said = "".join(f"; such pictures {note}" for note in found.notes)
            raise errors.InvalidValue(
                "A mask needs hidden pixels, which are dark, and visible ones",
                received=f"{file}, where they are {kind}{said}",
                do="Draw both in black and white",
            )

    def draw(self, index: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns the masks, all the same; see `AbstractMask`."""
        del seed  # no randomness
        return mask.fixed(self._visible, index=index)


def _read(file: pathlib.Path) -> pictures.Picture:
    """Returns the grey picture, with a word on what its user should know."""
    if not file.exists():
        raise errors.NotFound(
            "The picture of a mask must exist",
            received=f"--mask.file={file}",
            do="Pass a PNG file of the images' size, white where they are visible",
        )
    found, report = pictures.decode(file, channels=1), decoding.Report()
    report.add([found])
    if report.notes:
        logging.warning("%s: %s", errors.printable(file), report)
    return found


def _sized(shape: tuple[int, int]) -> str:
    return f"{shape[0]}x{shape[1]}"
