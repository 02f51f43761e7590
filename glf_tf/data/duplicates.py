# SPDX-License-Identifier: Apache-2.0
"""Images that are there twice: the same pixels, whatever the files are called."""

__all__ = ["told"]

import collections
import hashlib

import numpy as np


def told(train: np.ndarray, test: np.ndarray) -> list[str]:
    """Returns lines on images that are exactly alike; none where all differ.

    Args:
        train: uint8 `[size, height, width, channels]`.
        test: Likewise.
    """
    seen, held_out = (_counts(images) for images in (train, test))
    lines = []
    for name, counts in (("training", seen), ("test", held_out)):
        if repeated := sum(counts.values()) - len(counts):
            lines.append(f"{repeated} {name} images repeat another one exactly")
    if known := sum(held_out[one] for one in held_out if one in seen):
        lines.append(f"{known} test images are training images too")
    return lines


def _counts(images: np.ndarray) -> collections.Counter:
    """Returns how often each image is there, by digest."""
    return collections.Counter(
        hashlib.sha256(np.ascontiguousarray(image)).digest() for image in images
    )
