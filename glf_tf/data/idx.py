# SPDX-License-Identifier: Apache-2.0
"""Reads IDX files, the format of MNIST.

A file is a magic number (two zero bytes, a type, a rank), one big-endian uint32 per
dimension, and the values; it may be compressed with gzip. MNIST and its relatives hold
unsigned bytes, and nothing else is read here. The size that a header states is bounded,
and no more than that is unpacked.

Reference: http://yann.lecun.com/exdb/mnist, "FILE FORMATS FOR THE MNIST DATABASE".
"""

__all__ = ["MAX_BYTES", "read"]

import contextlib
import gzip
import math
import os
import pathlib
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from glf_tf import errors

MAX_BYTES = 2**30
"""Maximum bytes of values in a file: 1 GiB, over 20 times MNIST."""

_UNSIGNED_BYTE = 0x08
_GZIP_MAGIC = b"\x1f\x8b"


def read(file: pathlib.Path, *, rank: int) -> np.ndarray:
    """Returns the values of an IDX file of unsigned bytes.

    Args:
        file: The file, compressed or not; its content decides, not its name.
        rank: The number of dimensions it must have: 3 for images, 1 for labels.

    Returns:
        values: uint8, `[size, height, width]` or `[size]`.

    Raises:
        Damaged: The file is damaged, truncated, or of another format.
    """
    with _opened(file) as stream:
        shape = _shape(file, stream.read(4 + 4 * rank), rank=rank)
        size = math.prod(shape)
        # One byte more than needed, to detect excess bytes.
        values = stream.read(size + 1)
    if len(values) != size:
        found = len(values) if len(values) < size else f"more than {size}"
        raise _damaged(
            file,
            f"has {found} bytes of values",
            f"{size} for the shape {shape} of its header",
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def _shape(file: pathlib.Path, header: bytes, *, rank: int) -> tuple[int, ...]:
    """Returns the shape that a header states, after checking the whole header."""
    if len(header) < 4 or header[:3] != bytes([0, 0, _UNSIGNED_BYTE]):
        found = f"starts with 0x{header[:4].hex()}"
        raise _damaged(file, found, "magic number 0x000008, then rank")
    if header[3] != rank:
        raise _damaged(file, f"has rank {header[3]}", f"rank {rank}")
    if len(header) < 4 + 4 * rank:
        found = f"ends after {len(header)} bytes"
        raise _damaged(file, found, f"a header of {4 + 4 * rank}")
    shape = struct.unpack(f">{rank}I", header[4:])
    if math.prod(shape) > MAX_BYTES:
        found = f"states {math.prod(shape):,} bytes of values"
        raise _damaged(file, found, f"at most {MAX_BYTES:,} bytes")
    return shape


@contextlib.contextmanager
def _opened(file: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a file, decompressing it on the fly if it is compressed."""
    if not stat.S_ISREG(os.stat(file).st_mode):
        raise _damaged(file, "is not a regular file", "a file")
    with file.open("rb") as stream:
        is_packed = stream.read(2) == _GZIP_MAGIC
        stream.seek(0)
        try:
            yield gzip.GzipFile(fileobj=stream) if is_packed else stream
        except (OSError, EOFError, zlib.error) as error:
            found = f"cannot be unpacked ({error})"
            raise _damaged(file, found, "whole gzip") from error


def _damaged(file: pathlib.Path, found: str, wanted: str) -> errors.Damaged:
    return errors.Damaged(
        f"An IDX file must be whole and of the expected kind ({wanted})",
        received=f"{file}, which {found}",
        do="Download the file again, and check that its name matches its content",
    )
