# SPDX-License-Identifier: Apache-2.0
"""Finds duplicate images: the same pixels, whatever the names of the files."""

__all__ = ["report"]

import collections
import hashlib

import numpy as np


def report(train: np.ndarray, test: np.ndarray) -> list[str]:
    """Returns lines that report identical images; none if all differ.

    Args:
        train: uint8 `[size, height, width, channels]`.
        test: uint8 `[others, height, width, channels]`.
    """
    seen, held_out = (_counts(images) for images in (train, test))
    lines = []
    for name, counts in (("training", seen), ("test", held_out)):
        if repeated := sum(counts.values()) - len(counts):
            lines.append(f"{repeated} {name} images are exact duplicates of another")
    if known := sum(held_out[digest] for digest in held_out if digest in seen):
        lines.append(f"{known} test images are also training images")
    return lines


def _counts(images: np.ndarray) -> collections.Counter:
    """Returns the number of occurrences of each image, by digest."""
    return collections.Counter(
        hashlib.sha256(np.ascontiguousarray(image)).digest() for image in images
    )
