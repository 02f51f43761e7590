# SPDX-License-Identifier: Apache-2.0
"""Reads users' arrays: NAME.npy, or NAME.npz with one array.

What a header promises is held against the file before memory is taken for it, and
nothing is unpickled. Values are checked where they are used, by `pixels`.
"""

__all__ = ["MAX_UNPACKED_BYTES", "is_array", "read", "read_labels"]

import math
import os
import pathlib
import stat
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from glf_tf import errors

MAX_UNPACKED_BYTES = 2**30
"""Maximum bytes unpacked from a compressed file: 1 GiB."""

_SUFFIXES = (".npy", ".npz")
_MAX_RATIO = 1100  # Deflate packs 1,032 bytes into one at best.
_CHUNK_BYTES = 2**24


def is_array(path: pathlib.Path) -> bool:
    """Returns whether a path has the suffix of an array."""
    return path.suffix.lower() in _SUFFIXES


def read(path: pathlib.Path) -> np.ndarray:
    """Returns images, mapped from the file where it is not compressed.

    Args:
        path: NAME.npy or NAME.npz, of uint8 or floats, `[size, height, width]` or
            `[size, height, width, channels]` with 1 or 3 channels, in any byte order
            and order of memory.

    Returns:
        images: uint8 or floats, `[size, height, width, channels]`.

    Raises:
        NotFound: There is no such file.
        Damaged: It is truncated, or not such an array of images.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError("not a regular file")
        with path.open("rb") as stream:
            is_packed = stream.read(4) == b"PK\x03\x04"
            stream.seek(0)
            values = _unpacked(stream) if is_packed else _mapped(stream, path)
    except FileNotFoundError as error:
        raise errors.NotFound(
            "The file of an array must exist",
            received=path,
            do="Check the path",
        ) from error
    # NumPy and zipfile raise many kinds of errors on damaged files.
    except Exception as error:
        raise errors.Damaged(
            "Images must be uint8 in [0, 255] or floats in [0, 1], as [size, height, "
            "width] or with 1 or 3 channels at the end, in a whole .npy or .npz file",
            received=f"{path} ({_reason(error)})",
            do="Write it with numpy.save from such an array",
        ) from error
    return values[..., np.newaxis] if values.ndim == 3 else values


def read_labels(path: pathlib.Path) -> np.ndarray:
    """Returns the array in a NAME.npy, of any shape and of numbers of any kind.

    Raises:
        Damaged: It is truncated, or no array.
    """
    try:
        # Mapped, so that a header that promises more than there is takes no memory.
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except Exception as error:
        raise errors.Damaged(
            "Labels must be whole numbers in a whole .npy file",
            received=f"{path} ({_reason(error)})",
            do="Write it with numpy.save from such an array",
        ) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())


def _mapped(stream: BinaryIO, path: pathlib.Path) -> np.ndarray:
    shape, in_columns, dtype = _header(stream)
    start = stream.tell()
    _check_bytes(os.fstat(stream.fileno()).st_size - start, shape=shape, dtype=dtype)
    order = "F" if in_columns else "C"
    return np.memmap(path, dtype, "r", offset=start, shape=shape, order=order)


def _unpacked(stream: BinaryIO) -> np.ndarray:
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if len(members) != 1:
            raise ValueError(f"{len(members)} arrays instead of one")
        (member,) = members
        if member.file_size > MAX_UNPACKED_BYTES:
            raise ValueError(
                f"{member.file_size:,} bytes, of which a .npz may have at most "
                f"{MAX_UNPACKED_BYTES:,}; a .npy file may have any size"
            )
        if member.file_size > _MAX_RATIO * max(member.compress_size, 1):
            raise ValueError("its header states more bytes than it can hold")
        with archive.open(member) as inner:
            return _content(inner, size=member.file_size)


def _content(inner: BinaryIO, *, size: int) -> np.ndarray:
    shape, in_columns, dtype = _header(inner)
    _check_bytes(size - inner.tell(), shape=shape, dtype=dtype)
    data = b"".join(_chunks(inner))
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError("cut off")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if in_columns else "C")


def _chunks(inner: BinaryIO) -> Iterator[bytes]:
    while chunk := inner.read(_CHUNK_BYTES):
        yield chunk


def _header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Returns shape, whether the order is Fortran's, and the dtype."""
    if not (magic := stream.read(8)):
        raise ValueError("an empty file")
    if magic[:6] != b"\x93NUMPY" or len(magic) < 8:
        raise ValueError("not a NumPy array")
    stream.seek(0)
    version = np.lib.format.read_magic(stream)
    try:
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(stream)
        else:
            header = np.lib.format.read_array_header_2_0(stream)
    # A header consists of Python literals, whose tokenizer and parser raise many
    # errors.
    except Exception as error:
        raise ValueError("an unreadable header") from error
    shape, _, dtype = header
    _check(shape, dtype)
    return header


def _check(shape: tuple[int, ...], dtype: np.dtype) -> None:
    if dtype.hasobject:
        raise ValueError("Python objects, which are never unpickled")
    if dtype != np.uint8 and not np.issubdtype(dtype, np.floating):
        raise ValueError(f"elements of type {dtype}")
    is_colour = len(shape) == 4 and shape[3] in (1, 3)
    if len(shape) not in (3, 4) or (len(shape) == 4 and not is_colour):
        raise ValueError(f"the shape {list(shape)}")
    if min(shape) < 1:
        raise ValueError(f"the shape {list(shape)}, with no image")


def _check_bytes(found: int, *, shape: tuple[int, ...], dtype: np.dtype) -> None:
    promised = math.prod(shape) * dtype.itemsize
    if found != promised:
        raise ValueError(
            f"{found:,} bytes of values where the header states {promised:,}"
        )
