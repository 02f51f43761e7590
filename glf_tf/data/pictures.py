# SPDX-License-Identifier: Apache-2.0
"""The one decoder of pictures: whatever kind, the same pixels wherever they are read.

Pictures are known by their content, not by their names. What they promise is bounded
before any memory is spent, and a picture that is cut off or damaged is never read in
part.
"""

__all__ = [
    "ENLARGED",
    "MAX_PIXELS",
    "Picture",
    "WHITE",
    "decode",
    "square",
    "suffixes",
]

import dataclasses
import functools
import io
import os
import pathlib
import stat
import warnings
from collections.abc import Callable
from typing import BinaryIO, Literal

import numpy as np
from PIL import Image

from glf_tf import errors
from glf_tf.data import picture_modes

MAX_PIXELS = 2**28 // 3
"""The most pixels of a picture, 89,478,485: a quarter GiB of colours."""

WHITE = (255, 255, 255)
ENLARGED = "were enlarged"
"""The note of a picture that has fewer pixels than the image made of it."""

_MODES = {1: "L", 3: "RGB"}

# EPS runs another program, PDF and films are no pictures, and the rest of these have
# no decoder of their own.
_REFUSED = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "IPTC", "SPIDER", "IMT"}

# Kinds without a signature: anything could pass for them, so that suffixes decide.
_UNSIGNED = {"IM", "PCD", "TGA"}

# Twice as many pixels are Pillow's own error; as many, a warning on standard error.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# What it warns of in a file that is cut off is refused in the next moment.
_CUT_OFF = "Corrupt EXIF data|Truncated File Read"
warnings.filterwarnings("ignore", message=_CUT_OFF, category=UserWarning)


@dataclasses.dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: uint8 `[height, width, channels]`.
        notes: What its user should know, such as "were enlarged": the rest of a
            sentence that begins with a number of pictures.
        is_resized: Whether its file had another height or width.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()
    is_resized: bool = False


def decode(
    picture: pathlib.Path | bytes,
    *,
    channels: int | None = None,
    background: tuple[int, int, int] = WHITE,
    name: str | None = None,
) -> Picture:
    """Returns a picture as it is meant to be seen: upright, flat, with 8 bits.

    Args:
        picture: A file, or its content.
        channels: 1 for grey, 3 for red, green, blue; as the file has it where None.
        background: What lies behind transparent pixels, in [0, 255].
        name: The picture's name in errors; the file's path if None.

    Raises:
        Damaged: It is truncated, damaged, too large, or of an unsupported format.
    """
    made, notes = _plain(picture, channels, background, name, lambda plain, _: plain)
    return _finished(made, notes)


def square(
    picture: pathlib.Path | bytes,
    *,
    size: int,
    channels: int = 3,
    crop: int | None = None,
    fit: Literal["crop", "pad"] = "crop",
    background: tuple[int, int, int] = WHITE,
    name: str | None = None,
) -> Picture:
    """Returns a picture as a square, resized with an antialiased bilinear filter.

    Args:
        picture: A file, or its content.
        size: Height and width of the result, in pixels.
        channels: 1 for grey, 3 for red, green, blue.
        crop: Height and width of the centre that is kept, in pixels of the upright
            picture; its shorter side where None.
        fit: "crop" keeps the centre; "pad" keeps everything and adds background.
        background: Colour behind transparent pictures and of the padding, in [0, 255].
        name: The picture's name in errors; the file's path if None.

    Raises:
        Damaged: It is truncated, damaged, too large, or of an unsupported format.
        InvalidValue: It has fewer pixels than `crop`.
    """
    if fit == "pad":
        shape = functools.partial(_padded, size=size, background=background)
    else:
        shape = functools.partial(
            _centre, size=size, crop=crop, name=_called(picture, name)
        )
    sizes = []

    def shaped(plain, notes):
        sizes.append(plain.size)
        return shape(plain, notes)

    made = _finished(*_plain(picture, channels, background, name, shaped))
    return dataclasses.replace(made, is_resized=sizes != [(size, size)])


@functools.cache
def suffixes() -> frozenset[str]:
    """Returns the suffixes of the supported formats, in lower case: ".png", ..."""
    Image.init()
    kinds = Image.registered_extensions().items()
    return frozenset(end for end, kind in kinds if kind in _readable())


def _plain(
    picture: pathlib.Path | bytes,
    channels: int | None,
    background: tuple[int, int, int],
    name: str | None,
    shape: Callable[[Image.Image, list[str]], Image.Image],
) -> tuple[Image.Image, list[str]]:
    """Returns the converted picture and notes, or raises an error."""
    notes, called = [], _called(picture, name)
    try:
        with _stream(picture) as stream, _opened(stream, called) as opened:
            made = picture_modes.plain(
                opened, channels=channels, background=background, notes=notes
            )
            return shape(made, notes), notes
    except errors.UserError:
        raise
    # Pillow's decoders raise many errors on damaged files: OSError, ValueError,
    # SyntaxError, EOFError, struct.error, DecompressionBombError and more.
    except Exception as error:
        raise errors.Damaged(
            "A picture must be a complete file of a known format with 8 or 16 bits",
            received=f"{called} ({_reason(error)})",
            do="Download it again, convert it to PNG of 8 bits, or remove it",
        ) from error


def _finished(made: Image.Image, notes: list[str]) -> Picture:
    pixels = np.asarray(made, np.uint8)
    return Picture(pixels.reshape(*pixels.shape[:2], -1), tuple(notes))


def _called(picture: pathlib.Path | bytes, name: str | None) -> str:
    return name or ("a picture" if isinstance(picture, bytes) else str(picture))


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _stream(picture: pathlib.Path | bytes) -> BinaryIO:
    """Opens a regular file, without waiting for pipes or devices."""
    if isinstance(picture, bytes):
        return io.BytesIO(picture)
    if picture.is_symlink() and not picture.exists():
        raise ValueError("a dangling link")
    mode = os.stat(picture).st_mode
    if stat.S_ISDIR(mode):
        os.listdir(picture)  # raises an error if the folder cannot be read
        raise ValueError("a folder")
    if not stat.S_ISREG(mode):
        raise ValueError("not a regular file")
    return picture.open("rb")


def _opened(stream: BinaryIO, name: str) -> Image.Image:
    """Returns the picture after reading and checking only its header."""
    start = stream.read(12)
    if not start:
        raise ValueError("an empty file")
    if start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"mif1"):
        raise ValueError("HEIC, which is not supported")
    suffix = pathlib.PurePath(name).suffix.lower()
    Image.init()
    kind = Image.registered_extensions().get(suffix)
    kinds = [known for known in _readable() if known not in _UNSIGNED or known == kind]
    opened = _identified(stream, kinds)
    if opened.format == "PNG":
        # Pillow's decoder ignores checksums; only `verify` checks them.
        opened.verify()
        opened = _identified(stream, kinds)
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width}x{height} pixels are more than {MAX_PIXELS:,}")
    return opened


def _identified(stream: BinaryIO, kinds: list[str]) -> Image.Image:
    stream.seek(0)
    try:
        return Image.open(stream, formats=kinds)
    except Image.UnidentifiedImageError as error:
        raise ValueError("truncated, or not a picture of a supported format") from error


@functools.cache
def _readable() -> tuple[str, ...]:
    Image.init()
    return tuple(kind for kind in Image.ID if kind not in _REFUSED)


def _centre(
    plain: Image.Image, notes: list[str], *, size: int, crop: int | None, name: str
) -> Image.Image:
    """Returns the centre of a picture, resized; exact to half a pixel and less."""
    width, height = plain.size
    side = min(plain.size) if crop is None else crop
    if side > min(plain.size):
        raise errors.InvalidValue(
            "A picture must not be smaller than the crop",
            received=f"{name}: {width}x{height} pixels are less than crop={side}",
            do="Crop less, or remove it from the set",
        )
    if side < size:
        notes.append(ENLARGED)
    left, upper = (width - side) // 2, (height - side) // 2
    if side == size:
        return plain.crop((left, upper, left + side, upper + side))
    # An odd margin cuts half a pixel on either side, which the filter supports.
    right, lower = left + (width - side) % 2, upper + (height - side) % 2
    around = plain.crop((left, upper, right + side, lower + side))
    x, y = (right - left) / 2, (lower - upper) / 2
    box = (x, y, x + side, y + side)
    return around.resize((size, size), Image.Resampling.BILINEAR, box=box)


def _padded(
    plain: Image.Image, notes: list[str], *, size: int, background: tuple[int, int, int]
) -> Image.Image:
    """Returns the whole picture, resized and padded with background."""
    longest = max(plain.size)
    if longest < size:
        notes.append(ENLARGED)
    inner = tuple(max(1, round(side * size / longest)) for side in plain.size)
    made = Image.new("RGB", (size, size), background).convert(plain.mode)
    resized = plain.resize(inner, Image.Resampling.BILINEAR)
    made.paste(resized, ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return made
