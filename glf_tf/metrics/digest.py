# SPDX-License-Identifier: Apache-2.0
"""Digests of arrays, files and texts."""

__all__ = ["of_array", "of_file", "of_text"]

import hashlib
import pathlib

import numpy as np

_ROWS = 4096


def of_array(array: np.ndarray) -> str:
    """Returns 16 hexadecimal digits of the SHA-256 of shape and content.

    For uint8 images, it equals `ImageSet.digest`. The content is read in slices, so
    that a mapped file stays on disk.
    """
    sha = hashlib.sha256(repr(array.shape).encode())
    if array.dtype != np.uint8:
        sha.update(array.dtype.str.encode())
    for start in range(0, len(array), _ROWS):
        sha.update(np.ascontiguousarray(array[start : start + _ROWS]))
    return sha.hexdigest()[:16]


def of_file(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file, all 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_text(text: str) -> str:
    """Returns 16 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
