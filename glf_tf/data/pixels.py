# SPDX-License-Identifier: Apache-2.0
"""Pixels as people hand them over, checked: uint8, or floats in [0, 1].

Half of the questions that people ask about generation scores come down to a range, a
layout or a rounding that nobody looked at. Here all three are looked at, in batches, so
that a mapped file of any size passes through in bounded memory.
"""

__all__ = [
    "NotFiniteWarning",
    "SLACK",
    "batches",
    "check",
    "check_range",
    "round_to_uint8",
    "rounded",
    "to_rgb",
    "to_unit",
]

import warnings
from collections.abc import Iterator

import numpy as np

from glf_tf import errors, types


class NotFiniteWarning(UserWarning):
    """Pictures of a model are not finite."""


SLACK = 1e-5
"""How far float32 arithmetic carries a 0 or a 1 outside of [0, 1]."""


def check(images: types.Tensor, *, name: str = "images") -> np.ndarray:
    """Returns the images as an array, uint8 or float, after a look at kind and shape.

    The values are checked where they are read: by `to_unit` and all that builds on it.

    Args:
        images: `[size, height, width, channels]`.
        name: What the images are, for the error message.

    Raises:
        InvalidType: The elements are neither uint8 nor floats.
        InvalidValue: There are not four dimensions, or no image.
    """
    images = images if isinstance(images, np.ndarray) else np.asarray(images)
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise errors.InvalidType(
            f"{name} must be uint8 in [0, 255] or floats in [0, 1]",
            received=f"elements of type {images.dtype}",
            do="Convert them first",
        )
    if images.ndim != 4 or not images.size:
        raise errors.InvalidValue(
            f"{name} must have the shape [size, height, width, channels], none of it 0",
            received=f"shape {images.shape}",
            do="Reshape them; a grey image has one channel",
        )
    return images


def check_range(images: np.ndarray, *, name: str = "images") -> None:
    """Checks the values of floats.

    Args:
        images: Floats of any shape `[...]`, at least one.
        name: What they are, for the error message.

    Raises:
        InvalidValue: One is not a number, or lies outside of [0, 1].
    """
    low, high = images.min(), images.max()
    # Written so that NaN, which compares as false, is refused.
    if not (low >= -SLACK and high <= 1 + SLACK):
        raise errors.InvalidValue(
            f"{name} must be finite floats in [0, 1]",
            received=f"values from {low:.4g} to {high:.4g}",
            do="Map [-1, 1] by (x + 1) / 2, [0, 255] by x / 255; look for NaN",
        )


def batches(
    images: types.Tensor, *, size: int, name: str = "images"
) -> Iterator[np.ndarray]:
    """Yields the images as float32 in [0, 1], at most `size` at a time."""
    images = check(images, name=name)
    for start in range(0, len(images), size):
        yield to_unit(images[start : start + size], name=name)


def to_unit(images: types.Tensor, *, name: str = "images") -> np.ndarray:
    """Returns the images as float32 in [0, 1].

    Raises:
        InvalidValue: A float is not a number, or lies outside of [0, 1].
    """
    images = check(images, name=name)
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    check_range(images, name=name)
    return np.clip(images, 0, 1).astype(np.float32)


def round_to_uint8(images: types.Tensor, *, name: str = "images") -> np.ndarray:
    """Returns the images as they would be in a file: uint8, rounded to nearest.

    Rounding changes a Frechet distance; the protocol says whether it was done.

    Raises:
        InvalidType: The elements are neither uint8 nor floats.
        InvalidValue: The shape is another, or a float lies outside of [0, 1].
    """
    images = check(images, name=name)
    if images.dtype == np.uint8:
        return images
    check_range(images, name=name)
    return rounded(images)


def rounded(images: types.Tensor) -> np.ndarray:
    """Returns floats rounded to uint8; what lies outside of [0, 1] is clipped.

    NaN, which no picture can hold, becomes 0, with a warning.
    """
    levels = np.rint(np.clip(np.asarray(images), 0, 1) * np.float32(255))
    if np.isnan(levels).any():
        share = f"{100 * np.isnan(levels).mean():.3g} % of the numbers"
        warnings.warn(
            f"{share} of pictures are NaN, and drawn as black: look for an overflow in "
            "the model",
            NotFiniteWarning,
            stacklevel=2,
        )
        levels = np.nan_to_num(levels)
    return levels.astype(np.uint8)


def to_rgb(images: np.ndarray) -> np.ndarray:
    """Returns images `[..., 3]`, repeating the channel of grey ones `[..., 1]`.

    Raises:
        InvalidValue: There are neither one nor three channels.
    """
    channels = images.shape[-1]
    if channels not in (1, 3):
        raise errors.InvalidValue(
            "Images must have one channel or three",
            received=f"{channels} channels",
            do="Drop an alpha channel first",
        )
    return images if channels == 3 else np.repeat(images, 3, axis=-1)
