# SPDX-License-Identifier: Apache-2.0
"""The base class of image sets and vector sets: the examples of one split."""

__all__ = ["AbstractExampleSet"]

import abc
import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import ClassVar, Self

import numpy as np

from glf_tf import errors

_MASKS_COMPARED = 256
"""Number of masks in the identity; they depend on seed and index alone."""


class AbstractExampleSet(abc.ABC):
    """Examples of one split of a data set, with labels or without.

    A subclass is a frozen data class with the fields below, and one with the examples,
    whose name is `noun`.

    Attributes:
        noun: What the examples are: "images" or "vectors".
        name: The data set's name, such as "mnist".
        split: "train", "test" or "validation".
        labels: int64 `[size]`, or None if the data set has no labels.
        source: Origin of the examples, such as a folder or a package; only displayed.
        masks: Which pixels of images are visible; None if all are.
    """

    noun: ClassVar[str]
    name: str
    split: str
    labels: np.ndarray | None
    source: str
    masks: Callable | None = None

    @property
    def examples(self) -> np.ndarray:
        """The examples, `[size, ...]`."""
        return getattr(self, self.noun)

    def __len__(self) -> int:
        return self.examples.shape[0]

    @property
    def is_mapped(self) -> bool:
        """Whether the examples are memory-mapped from a file."""
        return isinstance(self.examples, np.memmap)

    def check(self) -> None:
        """Checks that the file of memory-mapped examples still has its length.

        Reading beyond the end of a mapped file would kill the process.

        Raises:
            NotFound: It was truncated.
        """
        if not self.is_mapped:
            return
        mapping, file = self.examples._mmap, self.examples.filename
        if mapping.size() < len(mapping):
            raise errors.NotFound(
                f"The file of the {self.noun} must not change while it is in use",
                received=f"{file}, which was truncated to {mapping.size()} bytes",
                do="Remove it, so that it is written again, and continue with --resume",
            )

    def _check_labels(self) -> None:
        """Checks the number of labels.

        Raises:
            InvalidValue: It is another than that of the examples.
        """
        if self.labels is not None and self.labels.shape != (len(self),):
            raise errors.InvalidValue(
                f"There must be one label per {self.noun.removesuffix('s')}",
                received=f"{len(self)} {self.noun} and labels of shape "
                f"{self.labels.shape}",
                do=f"Check the files of {self.name}: one of them may be truncated",
            )

    @functools.cached_property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of shape and numbers."""
        sha = hashlib.sha256(repr(self.examples.shape).encode())
        for start in range(0, len(self), 4096):
            sha.update(np.ascontiguousarray(self.examples[start : start + 4096]))
        return sha.hexdigest()[:16]

    @property
    def identity(self) -> dict[str, object]:
        """The number of examples, and digests as text, which identify the set.

        The number has the name `noun`; `digest` is of shape and numbers, `labels` of
        the labels and `masks` of the first images' masks, if there are any.
        """
        found = {self.noun: len(self), "digest": self.digest}
        if self.labels is not None:
            found["labels"] = _digest_of(self.labels)
        if self.masks is not None:
            first = np.arange(min(len(self), _MASKS_COMPARED))
            found["masks"] = _digest_of(np.asarray(self.masks(first)))
        return found

    def take(self, count: int) -> Self:
        """Returns the first `count` examples, or all if there are fewer."""
        return self.select(slice(count))

    def select(self, chosen: np.ndarray | slice) -> Self:
        """Returns a subset of the examples.

        Args:
            chosen: Indices, bool `[size]`, or a slice.

        Raises:
            InvalidValue: The subset is empty.
        """
        labels = None if self.labels is None else self.labels[chosen]
        return self._with(self.examples[chosen], labels=labels)

    def joined(self, other: Self) -> Self:
        """Returns these examples followed by those of another set, under this name.

        Either both sets have labels or neither.
        """
        labels = None
        if self.labels is not None:
            labels = np.concatenate([self.labels, other.labels])
        return self._with(
            np.concatenate([self.examples, other.examples]), labels=labels
        )

    def _with(self, examples: np.ndarray, *, labels: np.ndarray | None) -> Self:
        return dataclasses.replace(self, **{self.noun: examples}, labels=labels)


def _digest_of(values: np.ndarray) -> str:
    sha = hashlib.sha256(repr((values.shape, values.dtype.str)).encode())
    sha.update(np.ascontiguousarray(values))
    return sha.hexdigest()[:16]
