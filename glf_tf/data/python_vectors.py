# SPDX-License-Identifier: Apache-2.0
"""Converts a user's rows of numbers into vector sets."""

__all__ = ["check_columns", "column_names", "read", "rows"]

import itertools

import numpy as np
import tensorflow as tf

from glf_tf import errors
from glf_tf.data import python_arrays, vector_set

_ROUNDING = 0.01
"""Largest error of float32, in deviations of a column."""


def read(
    x: object, y: object = None, *, name: str = "vectors", split: str = "train"
) -> vector_set.VectorSet:
    """Returns a vector set.

    Args:
        x: Real numbers `[size, event_dim]`: an array, a tensor, a list of lists, a
            frame of pandas; or a `VectorSet`, which is returned as it is.
        y: Labels, whole numbers `[size]`, or None.
        name: The set's name.
        split: "train" or "test".

    Raises:
        InvalidType: They are no numbers, or labels no whole ones.
        InvalidValue: The shape is wrong, or a number is not finite in float32.
    """
    if isinstance(x, vector_set.VectorSet):
        return x
    found = rows(x)
    _check_rounding(np.asarray(x), found)
    labels = y
    if y is not None:
        labels = python_arrays.whole_labels(y, len(found), of="vectors")
    return vector_set.VectorSet(
        name=name, split=split, vectors=found, labels=labels, source="Python"
    )


def column_names(x: object) -> list[str] | None:
    """Returns the names of a frame's columns; None for what has no names."""
    names = getattr(x, "columns", None)
    return None if names is None else [str(name) for name in names]


def check_columns(x: object, *, names: list[str] | None) -> None:
    """Checks that a frame has the columns of another one, in its order.

    Args:
        x: Rows, of which only a frame is checked.
        names: The columns' names; None if they are not known.

    Raises:
        InvalidValue: It has not.
    """
    found = column_names(x)
    if found is None or names is None or found == names:
        return
    pairs = enumerate(itertools.zip_longest(names, found), start=1)
    place, (was, now) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
    has_all = set(names) <= set(found)
    raise errors.InvalidValue(
        "A frame has the columns of the one that was fitted, in the same order",
        received=f"{now or 'nothing'} as column {place}, where {was or 'nothing'} was",
        do="Use frame[fitted.columns]" if has_all else "Fit a frame with these columns",
    )


def _check_rounding(given: np.ndarray, rounded: np.ndarray) -> None:
    """Checks that float32 keeps how the numbers of a column differ.

    Raises:
        InvalidValue: It does not, as they are far from 0 beside their deviation.
    """
    if len(given) < 2 or given.dtype.itemsize < 4 or given.dtype == np.float32:
        return
    wide = np.asarray(given, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(wide - rounded).max(axis=0)
        lost = np.flatnonzero(error > _ROUNDING * wide.std(axis=0))
    if lost.size:
        column = wide[:, lost[0]]
        raise errors.InvalidValue(
            "Vectors are stored as float32, which must keep how their numbers differ",
            received=f"column {lost[0] + 1} with a mean of {column.mean():.6g} and a "
            f"deviation of {column.std():.3g}",
            do="Subtract the column's mean first, or use another unit",
        )


def rows(x: object) -> np.ndarray:
    """Returns rows of numbers as float32 `[size, event_dim]`, which may be infinite.

    Raises:
        InvalidType: They are no numbers.
        InvalidValue: They have another rank.
    """
    if isinstance(x, tf.data.Dataset):
        raise _not_numbers("a tf.data.Dataset")
    if np.ma.is_masked(x):
        raise _not_numbers("a masked array, whose mask would be lost")
    try:
        found = np.asarray(x)
    except (ValueError, TypeError) as error:
        raise _not_numbers("rows of unequal lengths") from error
    if found.dtype.kind not in "biuf":
        raise _not_numbers(f"{type(x).__name__} of {found.dtype}")
    if found.ndim != 2:
        raise errors.InvalidValue(
            "Vectors have the shape [size, event_dim]",
            received=f"the shape {found.shape}",
            do="Reshape them, one row an example: x.reshape(len(x), -1)",
        )
    with np.errstate(over="ignore"):  # what is too large is reported as infinite
        return np.ascontiguousarray(found, np.float32)


def _not_numbers(received: str) -> errors.InvalidType:
    return errors.InvalidType(
        "Vectors are real numbers, in an array [size, event_dim]",
        received=received,
        do="Convert them, for instance by numpy.asarray(x, numpy.float32)",
    )
