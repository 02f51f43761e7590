# SPDX-License-Identifier: Apache-2.0
"""Reads users' tables, rows of numbers: NAME.npy, NAME.npz or NAME.csv."""

__all__ = ["SUFFIXES", "is_table", "read"]

import pathlib
from typing import BinaryIO

import numpy as np

from glf_tf import errors
from glf_tf.data import npy, text_tables

SUFFIXES = (".npy", ".npz", ".csv")
"""The endings of files that are tables."""

_MOST_ARRAYS = 16


def is_table(path: pathlib.Path) -> bool:
    """Returns whether a path has the suffix of a table."""
    return path.suffix.lower() in SUFFIXES


def read(path: pathlib.Path, *, has_unnamed: bool = False) -> dict[str, np.ndarray]:
    """Returns the arrays of a file by name; those of other files have the name "".

    Args:
        path: NAME.npy, NAME.npz with one array or more, or NAME.csv: text as
            `text_tables` reads it.
        has_unnamed: Whether a CSV file may have more columns than names.

    Returns:
        arrays: Real numbers of any type: tables `[size, columns]`, or `[size]` such as
            labels; NumPy's are read as they are, a CSV file's are float64.

    Raises:
        NotFound: There is no such file.
        Damaged: It is truncated, or has something else than numbers.
    """
    try:
        with npy.reading(path) as (stream, is_packed):
            if path.suffix.lower() == ".csv":
                return {"": _csv(stream, has_unnamed=has_unnamed)}
            if is_packed:
                return npy.unpacked(stream, check=_check, most=_MOST_ARRAYS)
            return {"": npy.mapped(stream, path, check=_check)}
    except FileNotFoundError as error:
        raise errors.NotFound(
            "The file of a table must exist", received=path, do="Check the path"
        ) from error
    # NumPy and zipfile raise many kinds of errors on damaged files.
    except Exception as error:
        raise errors.Damaged(
            "A table is rows of numbers, in a whole .npy, .npz or .csv file",
            received=f"{path} ({npy.reason(error)[:200]})",
            do="Write numbers alone, for instance with numpy.save: leave out other "
            "rows and columns, fill in what is missing, number what is text",
        ) from error


def _check(shape: tuple[int, ...], dtype: np.dtype) -> None:
    if dtype.kind not in "biuf":
        raise ValueError(f"elements of type {dtype}")
    if len(shape) not in (1, 2) or not all(shape):
        raise ValueError(f"the shape {list(shape)}")


def _csv(stream: BinaryIO, *, has_unnamed: bool) -> np.ndarray:
    """Returns the numbers of a text file, `[size, columns]`."""
    data = stream.read(npy.MAX_UNPACKED_BYTES + 1)
    if len(data) > npy.MAX_UNPACKED_BYTES:
        raise ValueError(
            f"more than {npy.MAX_UNPACKED_BYTES:,} bytes of text; a .npy file may have "
            "any size"
        )
    found = text_tables.read(data.decode("utf-8-sig"), has_unnamed=has_unnamed)
    _check(found.shape, found.dtype)
    return found
