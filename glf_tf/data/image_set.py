# SPDX-License-Identifier: Apache-2.0
"""Image sets: images with labels, as every loader returns them."""

__all__ = ["ImageSet"]

import dataclasses
import functools
import hashlib
from collections.abc import Callable

import numpy as np

from glf_tf import errors

_MASKS_COMPARED = 256
"""Number of masks in the identity; they depend on seed and index alone."""


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Images of one split of a data set, in memory or mapped from a file.

    Attributes:
        name: The data set's name, such as "mnist".
        split: "train", "test" or "validation".
        images: uint8 `[size, height, width, channels]` in [0, 255]; an array, or a
            `numpy.memmap` if the set is too large for memory.
        labels: int64 `[size]`, or None if the data set has no labels.
        source: Origin of the images, such as a folder or a package; only displayed.
        masks: Function from indices int64 `[batch]` to masks float32 `[batch, height,
            width, 1]`, 1 for visible pixels, which runs in the graph; None if all
            pixels are visible. `images` are complete: batches hide the other pixels.
    """

    name: str
    split: str
    images: np.ndarray
    labels: np.ndarray | None = None
    source: str = ""
    masks: Callable | None = None

    def __post_init__(self):
        """Checks shapes and dtypes.

        Raises:
            InvalidValue: The images are not uint8 `[size, height, width, channels]`,
                there are none, or their number differs from that of the labels.
        """
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or not len(self):
            raise errors.InvalidValue(
                "Images must be uint8 [size, height, width, channels], at least one",
                received=f"{self.images.dtype} {self.images.shape} for {self.name}",
                do="Check the files that were read",
            )
        if self.labels is not None and self.labels.shape != (len(self),):
            raise errors.InvalidValue(
                "There must be one label per image",
                received=f"{len(self)} images and labels of shape {self.labels.shape}",
                do=f"Check the files of {self.name}: one of them may be truncated",
            )

    def __len__(self) -> int:
        return self.images.shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.images.shape[1:]

    @property
    def is_mapped(self) -> bool:
        """Whether the images are memory-mapped from a file."""
        return isinstance(self.images, np.memmap)

    def check(self) -> None:
        """Checks that the file of memory-mapped images still has its length.

        Reading beyond the end of a mapped file would kill the process.

        Raises:
            NotFound: It was truncated.
        """
        if not self.is_mapped:
            return
        mapping, file = self.images._mmap, self.images.filename
        if mapping.size() < len(mapping):
            raise errors.NotFound(
                "The file of the images must not change while it is in use",
                received=f"{file}, which was truncated to {mapping.size()} bytes",
                do="Remove it, so that it is written again, and continue with --resume",
            )

    @functools.cached_property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of shape and pixels."""
        sha = hashlib.sha256(repr(self.images.shape).encode())
        for start in range(0, len(self), 4096):
            sha.update(np.ascontiguousarray(self.images[start : start + 4096]))
        return sha.hexdigest()[:16]

    @property
    def identity(self) -> dict[str, object]:
        """The number of `images`, and digests as text, which identify the set.

        `digest` is of shape and pixels, `labels` of the labels and `masks` of the first
        images' masks, if there are any.
        """
        found = {"images": len(self), "digest": self.digest}
        if self.labels is not None:
            found["labels"] = _digest_of(self.labels)
        if self.masks is not None:
            first = np.arange(min(len(self), _MASKS_COMPARED))
            found["masks"] = _digest_of(np.asarray(self.masks(first)))
        return found

    def take(self, count: int) -> "ImageSet":
        """Returns the first `count` images, or all if there are fewer."""
        labels = None if self.labels is None else self.labels[:count]
        return dataclasses.replace(self, images=self.images[:count], labels=labels)

    def select(self, chosen: np.ndarray) -> "ImageSet":
        """Returns a subset of the images.

        Args:
            chosen: Indices, or bool `[size]`.

        Raises:
            InvalidValue: The subset is empty.
        """
        labels = None if self.labels is None else self.labels[chosen]
        return dataclasses.replace(self, images=self.images[chosen], labels=labels)

    def joined(self, other: "ImageSet") -> "ImageSet":
        """Returns these images followed by those of another set, under this set's name.

        Either both sets have labels or neither.
        """
        labels = None
        if self.labels is not None:
            labels = np.concatenate([self.labels, other.labels])
        images = np.concatenate([self.images, other.images])
        return dataclasses.replace(self, images=images, labels=labels)


def _digest_of(values: np.ndarray) -> str:
    sha = hashlib.sha256(repr((values.shape, values.dtype.str)).encode())
    sha.update(np.ascontiguousarray(values))
    return sha.hexdigest()[:16]
