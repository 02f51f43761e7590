# SPDX-License-Identifier: Apache-2.0
"""Turns a decoded picture of any mode into plain grey or colours of 8 bits.

Upright as its EXIF data say, 16 bits scaled rather than cut off, and transparency, in
every form in which files say it, laid on a background.
"""

__all__ = ["Notes", "plain"]

import numpy as np
from PIL import Image, ImageOps

Notes = list[str]

_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_DARK = 1 << 14
_TOP = 65535
_SCALE = {"L;2": 85, "L;4": 17}
"""Factors that bring keys of few bits to the 8 bits that their pixels are given in."""


def plain(
    opened: Image.Image,
    *,
    channels: int | None,
    background: tuple[int, int, int],
    notes: Notes,
) -> Image.Image:
    """Returns a picture of the mode L or RGB.

    Args:
        opened: As Pillow opened it, not yet loaded.
        channels: 1 or 3; where None, 1 for grey pictures on grey and 3 for others.
        background: What lies behind transparent pixels, in [0, 255].
        notes: What a user should know is added here.

    Raises:
        ValueError: The values have no known range.
    """
    raw = _raw_mode(opened)
    if opened.format != "PSD" and getattr(opened, "is_animated", False):
        notes.append("have several frames or pages, of which the first is used")
    is_grey = opened.mode in _GREY or raw.startswith("LA;")
    upright = _upright(opened, notes=notes)
    flat = _flat(_eight_bit(upright, raw, notes=notes), raw, background, notes=notes)
    if channels is None:
        channels = 1 if is_grey and len(set(background)) == 1 else 3
    # Lab, CMYK and their like have no way to grey but through colours.
    flat = flat if flat.mode in ("1", "L") else flat.convert("RGB")
    return flat.convert("L" if channels == 1 else "RGB")


def _raw_mode(opened: Image.Image) -> str:
    """Returns how values lie in the file, such as "RGB;16B"; "" where unknown."""
    arguments = opened.tile[0][3] if getattr(opened, "tile", None) else ""
    arguments = arguments if isinstance(arguments, tuple | list) else (arguments,)
    return next((part for part in arguments if isinstance(part, str)), "")


def _upright(opened: Image.Image, *, notes: Notes) -> Image.Image:
    opened.load()
    try:
        return ImageOps.exif_transpose(opened)
    except Exception:  # Pillow raises nearly anything on EXIF data that are damaged
        notes.append("have EXIF data that cannot be read, and are taken as upright")
        return opened


def _eight_bit(picture: Image.Image, raw: str, *, notes: Notes) -> Image.Image:
    """Returns a grey picture of 16 bits with 8, and its transparency beside it.

    Pillow's own conversion would clip such values at 255 rather than scale them.
    """
    is_wide_pgm = picture.mode == "I" and picture.format in (None, "PPM")
    is_wide_pgm = is_wide_pgm and raw in ("I;16B", "I")
    if not picture.mode.startswith("I;16") and not is_wide_pgm:
        if picture.mode in ("I", "F"):
            kind = "floats" if picture.mode == "F" else "signed whole numbers"
            raise ValueError(f"values are 32-bit {kind}, whose range is unknown")
        return picture
    values = np.asarray(picture).astype(np.int64)
    if 0 < values.max() < _DARK:
        notes.append("are dark by their own values: 16 bits, the upper two unused")
    narrow = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    key = picture.info.get("transparency")
    if isinstance(key, int):
        alpha = np.where(values == key, 0, 255).astype(np.uint8)
        narrow = Image.merge("LA", (narrow, Image.fromarray(alpha)))
    return narrow


def _flat(
    picture: Image.Image, raw: str, background: tuple[int, int, int], *, notes: Notes
) -> Image.Image:
    """Returns the picture without transparency."""
    if picture.mode == "LAB":
        notes.append("are in Lab, and turned to RGB")
    if picture.mode == "1":
        notes.append("have 1 bit a pixel: black and white alone")
    if not picture.has_transparency_data:
        return picture
    key = picture.info.get("transparency")
    if raw in _SCALE and isinstance(key, int):
        picture.info["transparency"] = key * _SCALE[raw]
    if raw.startswith("RGB;16") and isinstance(key, tuple):
        notes.append("have 16 bits, of which 8 are compared with the clear colour")
        picture.info["transparency"] = tuple(value >> 8 for value in key)
    if picture.mode == "La":
        picture = picture.convert("LA")
    picture = picture.convert("RGBA")
    behind = Image.new("RGBA", picture.size, (*background, 255))
    flat = Image.alpha_composite(behind, picture)
    return flat.convert("RGB")
