# SPDX-License-Identifier: Apache-2.0
"""Vector sets: rows of numbers with labels, as every loader of vectors returns them."""

__all__ = ["VectorSet"]

import dataclasses

import numpy as np

from glf_tf import errors
from glf_tf.data import example_set


@dataclasses.dataclass(frozen=True)
class VectorSet(example_set.AbstractExampleSet):
    """Vectors of one split of a data set, in memory.

    Attributes:
        name: The data set's name, such as "power".
        split: "train", "test" or "validation".
        vectors: float32 `[size, event_dim]`, all finite.
        labels: int64 `[size]`, or None if the data set has no labels.
        source: Origin of the vectors, such as a file; only displayed.
    """

    noun = "vectors"

    name: str
    split: str
    vectors: np.ndarray
    labels: np.ndarray | None = None
    source: str = ""

    def __post_init__(self):
        """Checks shapes, dtypes and numbers.

        Raises:
            InvalidValue: The vectors are not float32 `[size, event_dim]`, there are
                none, or one is not finite; or their number differs from that of the
                labels.
        """
        shape, dtype = self.vectors.shape, self.vectors.dtype
        if dtype != np.float32 or len(shape) != 2 or not all(shape):
            raise errors.InvalidValue(
                "Vectors must be float32 [size, event_dim], at least one",
                received=f"{dtype} {shape} for {self.name}",
                do="Check the files that were read",
            )
        broken = np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))
        if broken.size:
            raise errors.InvalidValue(
                "The numbers of vectors must be finite in float32",
                received=f"NaN or infinite numbers in {broken.size:,} of {len(self):,} "
                f"rows of {self.name}, first at index {broken[0]}",
                do="Drop these rows, or fill in what is missing",
            )
        self._check_labels()

    @property
    def event_dim(self) -> int:
        """The number of coordinates of a vector."""
        return self.vectors.shape[1]
