# SPDX-License-Identifier: Apache-2.0
"""Decodes one picture of any kind: upright, cropped to its centre, resized."""

__all__ = ["square"]

import io
import pathlib

import numpy as np
from PIL import Image, ImageOps

from glf_tf import errors

_MODES = {1: "L", 3: "RGB"}
_WIDE_MODES = ("I", "F")


def square(
    picture: pathlib.Path | bytes,
    *,
    size: int,
    channels: int = 3,
    crop: int | None = None,
    name: str | None = None,
) -> np.ndarray:
    """Returns the centre of a picture, resized with an antialiased bilinear filter.

    A picture is turned upright as its EXIF data say, and a transparent one is laid on
    white.

    Args:
        picture: A file, or its content.
        size: Height and width of the result, in pixels.
        channels: 1 for grey, 3 for red, green, blue.
        crop: Height and width of the centre that is kept, in pixels of the upright
            picture; its shorter side where None.
        name: What to call the picture in an error; the file where None.

    Returns:
        pixels: uint8 `[size, size, channels]`.

    Raises:
        InvalidValue: The picture is damaged, of an unknown kind, or less than `crop`.
    """
    try:
        with Image.open(_stream(picture)) as opened:
            upright = ImageOps.exif_transpose(_eight_bit(opened))
            plain = _flat(upright).convert(_MODES[channels])
            centre = plain.crop(_centre(plain.size, crop=crop))
    # Pillow's decoders raise nearly anything on damaged files: OSError, ValueError,
    # SyntaxError, EOFError, struct.error, DecompressionBombError and more.
    except Exception as error:
        raise errors.InvalidValue(
            "A picture must be a whole file of a known kind, no smaller than the crop",
            received=f"{name or picture} ({error})",
            do="Fetch it again, or remove it from the set",
        ) from error
    resized = centre.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8).reshape(size, size, channels)


def _stream(picture: pathlib.Path | bytes) -> pathlib.Path | io.BytesIO:
    return io.BytesIO(picture) if isinstance(picture, bytes) else picture


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Returns a grey picture of 16 bits with 8 instead; others as they are.

    Pillow's own conversion would clip such values at 255 rather than scale them.
    """
    if picture.mode in _WIDE_MODES:
        raise ValueError(f"values of the mode {picture.mode} have no known range")
    if not picture.mode.startswith("I;16"):
        return picture
    narrow = Image.fromarray((np.asarray(picture).astype(np.uint16) >> 8).astype("u1"))
    narrow.info = picture.info
    return narrow


def _flat(picture: Image.Image) -> Image.Image:
    """Returns the picture without transparency."""
    if not picture.has_transparency_data:
        return picture
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture)


def _centre(shape: tuple[int, int], *, crop: int | None) -> tuple[int, int, int, int]:
    """Returns (left, upper, right, lower) of the centre of a picture."""
    width, height = shape
    crop = min(shape) if crop is None else crop
    if crop > min(shape):
        raise ValueError(f"{width}x{height} pixels are less than crop={crop}")
    left, upper = (width - crop) // 2, (height - crop) // 2
    return left, upper, left + crop, upper + crop
