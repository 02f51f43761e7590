# SPDX-License-Identifier: Apache-2.0
"""Checks that every coordinate of vectors varies, as float32 can tell and undo."""

__all__ = ["LARGEST", "SMALLEST", "check"]

import numpy as np

from glf_tf import errors
from glf_tf.data import vector_set

SMALLEST = 1e-31
"""Least deviation: the difference of a number and the mean is normal in float32."""

LARGEST = 1e37
"""Largest deviation: its inverse is normal in float32, and samples are finite."""


def check(data: vector_set.VectorSet) -> None:
    """Checks the deviation of every column.

    Raises:
        InvalidValue: A column is constant; or its deviation is not between `SMALLEST`
            and `LARGEST`, or below the rounding of its mean.
    """
    x = data.vectors
    constant = np.flatnonzero(np.all(x == x[:1], axis=0))
    if constant.size:
        columns = ", ".join(str(place + 1) for place in constant[:10])
        raise errors.InvalidValue(
            "Every coordinate must vary: a constant one has no density",
            received=f"{data.name}, constant in column {columns} of {data.event_dim}",
            do="Leave these columns out",
        )
    for place, column in enumerate(x.T, 1):
        mean, deviation = column.mean(dtype=np.float64), column.std(dtype=np.float64)
        least = max(SMALLEST, np.finfo(np.float32).eps * abs(mean))
        if not least < deviation < LARGEST:
            raise errors.InvalidValue(
                f"The deviation of a coordinate is between {SMALLEST} and {LARGEST}, "
                "and above the rounding of its mean in float32",
                received=f"{data.name}, column {place} with a mean of {mean:.6g} and a "
                f"deviation of {deviation:.3g}",
                do="Use another unit for this column, or subtract its mean first",
            )
