# SPDX-License-Identifier: Apache-2.0
"""A set of images with its labels: the one thing that every loader hands on."""

__all__ = ["ImageSet"]

import dataclasses
import functools
import hashlib
from collections.abc import Callable

import numpy as np

from glf_tf import errors

_MASKS_COMPARED = 256
"""A mask is a function of seed and index: a few tell the function."""


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Images of one split of a data set, in memory or mapped from a file.

    Attributes:
        name: The data set's name, such as "mnist".
        split: "train" or "test".
        images: uint8 `[size, height, width, channels]` in [0, 255]; an array, or a
            `numpy.memmap` where the set is larger than memory should hold.
        labels: int64 `[size]`, or None where the data set has no labels.
        source: Where the images came from, for people: a folder or a package.
        masks: From indices int64 `[batch]` to masks float32 `[batch, height, width,
            1]`, 1 for the pixels that may be learned from; None where all are. It runs
            in the graph. The images themselves are whole: batches hide the others.
    """

    name: str
    split: str
    images: np.ndarray
    labels: np.ndarray | None
    source: str
    masks: Callable | None = None

    def __post_init__(self):
        """Checks what every user of the set relies on.

        Raises:
            InvalidValue: The images are not uint8 `[size, height, width, channels]`,
                there are none, or there is not one label an image.
        """
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or not len(self):
            raise errors.InvalidValue(
                "Images must be uint8 [size, height, width, channels], at least one",
                received=f"{self.images.dtype} {self.images.shape} for {self.name}",
                do="Check the files that were read",
            )
        if self.labels is not None and self.labels.shape != (len(self),):
            raise errors.InvalidValue(
                "There must be one label an image",
                received=f"{len(self)} images and labels of shape {self.labels.shape}",
                do=f"Check the files of {self.name}: one of them may be cut off",
            )

    def __len__(self) -> int:
        return self.images.shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.images.shape[1:]

    @property
    def is_mapped(self) -> bool:
        """Whether the images are read from a mapped file rather than from memory."""
        return isinstance(self.images, np.memmap)

    def check(self) -> None:
        """Checks that the file that the images are read from is as long as it was.

        To read beyond the end of a mapped file ends the process without a word.

        Raises:
            NotFound: It was cut off.
        """
        if not self.is_mapped:
            return
        mapping, file = self.images._mmap, self.images.filename
        if mapping.size() < len(mapping):
            raise errors.NotFound(
                "The images must stay in the file that they are read from",
                received=f"{file}, which was cut off to {mapping.size()} bytes",
                do="Remove it: it is made anew. Then go on with --resume",
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
        """What tells the set from another: `images`, how many, and digests, as text.

        `digest` of shape and pixels, and where there are any, `labels` of the labels
        and `masks` of the first images' masks.
        """
        found = {"images": len(self), "digest": self.digest}
        if self.labels is not None:
            found["labels"] = _digest_of(self.labels)
        if self.masks is not None:
            first = np.arange(min(len(self), _MASKS_COMPARED))
            found["masks"] = _digest_of(np.asarray(self.masks(first)))
        return found

    def take(self, count: int) -> "ImageSet":
        """Returns the first `count` images, or all where there are fewer."""
        labels = None if self.labels is None else self.labels[:count]
        return dataclasses.replace(self, images=self.images[:count], labels=labels)

    def select(self, chosen: np.ndarray) -> "ImageSet":
        """Returns some of the images.

        Args:
            chosen: Indices, or bool `[size]`.

        Raises:
            InvalidValue: There would be none.
        """
        labels = None if self.labels is None else self.labels[chosen]
        return dataclasses.replace(self, images=self.images[chosen], labels=labels)

    def joined(self, other: "ImageSet") -> "ImageSet":
        """Returns these images and then another set's, under this one's name.

        Both have labels, or neither.
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
