# SPDX-License-Identifier: Apache-2.0
"""Reads IDX files, the format of MNIST.

A file is a magic number (two zero bytes, a type, a rank), one big-endian uint32 a
dimension, and the values; it may be compressed with gzip. MNIST and its relatives hold
unsigned bytes, and nothing else is read here.

Reference: http://yann.lecun.com/exdb/mnist, "FILE FORMATS FOR THE MNIST DATABASE".
"""

__all__ = ["read"]

import gzip
import math
import pathlib
import struct
import zlib

import numpy as np

from glf_tf import errors

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
        InvalidValue: The file is damaged, cut off, or of another kind.
    """
    data = _content(file)
    if len(data) < 4 or data[:3] != bytes([0, 0, _UNSIGNED_BYTE]):
        raise _damaged(
            file, f"starts with 0x{data[:4].hex()}", "magic number 0x000008, then rank"
        )
    if data[3] != rank:
        raise _damaged(file, f"has rank {data[3]}", f"rank {rank}")
    start = 4 + 4 * rank
    if len(data) < start:
        raise _damaged(file, f"ends after {len(data)} bytes", f"a header of {start}")
    shape = struct.unpack(f">{rank}I", data[4:start])
    if len(data) != start + math.prod(shape):
        raise _damaged(
            file,
            f"has {len(data) - start} bytes of values",
            f"{math.prod(shape)} for the shape {shape} of its header",
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _content(file: pathlib.Path) -> bytes:
    data = file.read_bytes()
    if data[:2] != _GZIP_MAGIC:
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(file, f"cannot be unpacked ({error})", "whole gzip") from error


def _damaged(file: pathlib.Path, found: str, wanted: str) -> errors.InvalidValue:
    return errors.InvalidValue(
        f"An IDX file must be whole and of the expected kind ({wanted})",
        received=f"{file}, which {found}",
        do="Fetch the file again, and check that its name says what it holds",
    )
