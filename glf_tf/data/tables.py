# SPDX-License-Identifier: Apache-2.0
"""Reads users' tables, rows of numbers: NAME.npy, NAME.npz or NAME.csv."""

__all__ = ["SUFFIXES", "is_table", "read"]

import io
import pathlib
import warnings
from typing import BinaryIO

import numpy as np

from glf_tf import errors
from glf_tf.data import npy

SUFFIXES = (".npy", ".npz", ".csv")
"""The endings of files that are tables."""

_MOST_ARRAYS = 16
_DELIMITERS = (",", ";", "\t")


def is_table(path: pathlib.Path) -> bool:
    """Returns whether a path has the suffix of a table."""
    return path.suffix.lower() in SUFFIXES


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a file by name; those of other files have the name "".

    Args:
        path: NAME.npy, NAME.npz with one array or more, or NAME.csv: one row a line,
            numbers with a decimal point between commas, semicolons or tabs, perhaps
            with the columns' names in the first line.

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
                return {"": _csv(stream)}
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
            do="Write numbers alone, for instance with numpy.save; other columns, such "
            "as text, must be left out or numbered",
        ) from error


def _check(shape: tuple[int, ...], dtype: np.dtype) -> None:
    if dtype.kind not in "biuf":
        raise ValueError(f"elements of type {dtype}")
    if len(shape) not in (1, 2) or not all(shape):
        raise ValueError(f"the shape {list(shape)}")


def _csv(stream: BinaryIO) -> np.ndarray:
    """Returns the numbers of a text file, `[size, columns]`."""
    data = stream.read(npy.MAX_UNPACKED_BYTES + 1)
    if len(data) > npy.MAX_UNPACKED_BYTES:
        raise ValueError(
            f"more than {npy.MAX_UNPACKED_BYTES:,} bytes of text; a .npy file may have "
            "any size"
        )
    text = data.decode("utf-8-sig")
    first, _, rest = text.partition("\n")
    delimiter = max(_DELIMITERS, key=first.count)
    fields = first.split(delimiter)
    are_numbers = [_is_number(field) for field in fields]
    # One field of a first row that is no number, such as a missing one, makes no names.
    has_names = not any(are_numbers)
    if has_names and "" in map(str.strip, fields):
        raise ValueError("a column without a name, such as an index, in the first line")
    if not (rest if has_names else text).strip():
        raise ValueError("no rows of numbers")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = np.loadtxt(
            io.StringIO(text),
            delimiter=delimiter,
            skiprows=int(has_names),
            ndmin=2,
            comments=None,
            quotechar='"',
        )
    _check(found.shape, found.dtype)
    return found


def _is_number(field: str) -> bool:
    try:
        float(field.strip().strip('"'))
    except ValueError:
        return False
    return True
