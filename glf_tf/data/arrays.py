# SPDX-License-Identifier: Apache-2.0
"""Reads users' arrays: NAME.npy, or NAME.npz with one array.

Values are checked where they are used, by `pixels`; the format is that of `npy`.
"""

__all__ = ["is_array", "read", "read_labels"]

import pathlib

import numpy as np

from glf_tf import errors
from glf_tf.data import npy

_SUFFIXES = (".npy", ".npz")


def is_array(path: pathlib.Path) -> bool:
    """Returns whether a path has the suffix of an array."""
    return path.suffix.lower() in _SUFFIXES


def read(path: pathlib.Path) -> np.ndarray:
    """Returns images, mapped from the file where it is not compressed.

    Args:
        path: NAME.npy or NAME.npz, of uint8 or floats, `[size, height, width]` or
            `[size, height, width, channels]` with 1 or 3 channels, in any byte order
            and order of memory.

    Returns:
        images: uint8 or floats, `[size, height, width, channels]`.

    Raises:
        NotFound: There is no such file.
        Damaged: It is truncated, or not such an array of images.
    """
    try:
        with npy.reading(path) as (stream, is_packed):
            if is_packed:
                (values,) = npy.unpacked(stream, check=_check).values()
            else:
                values = npy.mapped(stream, path, check=_check)
    except FileNotFoundError as error:
        raise errors.NotFound(
            "The file of an array must exist",
            received=path,
            do="Check the path",
        ) from error
    # NumPy and zipfile raise many kinds of errors on damaged files.
    except Exception as error:
        raise errors.Damaged(
            "Images must be uint8 in [0, 255] or floats in [0, 1], as [size, height, "
            "width] or with 1 or 3 channels at the end, in a whole .npy or .npz file",
            received=f"{path} ({npy.reason(error)})",
            do="Write it with numpy.save from such an array",
        ) from error
    return values[..., np.newaxis] if values.ndim == 3 else values


def read_labels(path: pathlib.Path) -> np.ndarray:
    """Returns the array in a NAME.npy, of any shape and of numbers of any kind.

    Raises:
        Damaged: It is truncated, or no array.
    """
    try:
        # Mapped, so that a header that promises more than there is takes no memory.
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except Exception as error:
        raise errors.Damaged(
            "Labels must be whole numbers in a whole .npy file",
            received=f"{path} ({npy.reason(error)})",
            do="Write it with numpy.save from such an array",
        ) from error


def _check(shape: tuple[int, ...], dtype: np.dtype) -> None:
    if dtype != np.uint8 and not np.issubdtype(dtype, np.floating):
        raise ValueError(f"elements of type {dtype}")
    is_colour = len(shape) == 4 and shape[3] in (1, 3)
    if len(shape) not in (3, 4) or (len(shape) == 4 and not is_colour):
        raise ValueError(f"the shape {list(shape)}")
    if min(shape) < 1:
        raise ValueError(f"the shape {list(shape)}, with no image")
