# SPDX-License-Identifier: Apache-2.0
"""Arranges images in grids, and writes PNG files."""

__all__ = ["grid", "save", "to_png"]

import io
import math
import pathlib

import numpy as np
from PIL import Image

from glf_tf import files
from glf_tf.data import pixels

LEAST_SIDE = 56
"""Smaller images are enlarged by an integer factor; in pixels."""


def grid(images: np.ndarray, *, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Lays images out in rows.

    Args:
        images: `[n, height, width, channels]` in [0, 1]; 1 or 3 channels.
        columns: Images per row, if there are so many; None for about a square.
        gap: White pixels between images.

    Returns:
        picture: uint8 `[height, width, channels]`.
    """
    images = _enlarged(pixels.rounded(images))
    n, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(n)), max(n, 1))
    rows = math.ceil(n / columns)
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    picture = np.full(size, 255, np.uint8)
    for index, image in enumerate(images):
        top = index // columns * (height + gap)
        left = index % columns * (width + gap)
        picture[top : top + height, left : left + width] = image
    return picture


def _enlarged(images: np.ndarray) -> np.ndarray:
    """Returns small images enlarged by an integer factor, with smoothing."""
    factor = math.ceil(LEAST_SIDE / min(images.shape[1:3]))
    if factor == 1:
        return images
    size = (images.shape[2] * factor, images.shape[1] * factor)
    channels = [
        [
            np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BICUBIC))
            for channel in np.moveaxis(image, -1, 0)
        ]
        for image in images
    ]
    return np.moveaxis(np.array(channels), 1, -1)


def save(path: str | pathlib.Path, picture: np.ndarray) -> None:
    """Writes a picture, uint8 `[height, width, channels]`, as a PNG file."""
    files.write(pathlib.Path(path), to_png(picture))


def to_png(picture: np.ndarray) -> bytes:
    """Returns a picture, uint8 `[height, width, channels]`, as a PNG file's bytes."""
    stream = io.BytesIO()
    plain = picture[..., 0] if picture.shape[2] == 1 else picture
    Image.fromarray(plain).save(stream, format="PNG")
    return stream.getvalue()
