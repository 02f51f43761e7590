# SPDX-License-Identifier: Apache-2.0
"""The format of NumPy's files: NAME.npy, and NAME.npz, a ZIP of them.

What a header promises is held against the file before memory is taken for it, and
nothing is unpickled. What is wrong is a ValueError with a reason, for the readers of
images and of tables, which say what they need.
"""

__all__ = ["MAX_UNPACKED_BYTES", "mapped", "reading", "reason", "unpacked"]

import contextlib
import math
import os
import pathlib
import stat
import zipfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

MAX_UNPACKED_BYTES = 2**30
"""Maximum bytes unpacked from a compressed file: 1 GiB."""

Check = Callable[[tuple[int, ...], np.dtype], None]
"""Raises a ValueError for a shape or a type that the reader does not take."""

_MAX_RATIO = 1100  # Deflate packs 1,032 bytes into one at best.
_CHUNK_BYTES = 2**24


@contextlib.contextmanager
def reading(path: pathlib.Path) -> Iterator[tuple[BinaryIO, bool]]:
    """Opens a regular file; yields the stream, and whether it is a ZIP."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("not a regular file")
    with path.open("rb") as stream:
        is_packed = stream.read(4) == b"PK\x03\x04"
        stream.seek(0)
        yield stream, is_packed


def reason(error: Exception) -> str:
    """Returns what is wrong, in one line."""
    return getattr(error, "strerror", None) or " ".join(str(error).split())


def mapped(stream: BinaryIO, path: pathlib.Path, *, check: Check) -> np.ndarray:
    """Returns the array of a NAME.npy, mapped from the file."""
    shape, in_columns, dtype = _header(stream, check)
    start = stream.tell()
    _check_bytes(os.fstat(stream.fileno()).st_size - start, shape=shape, dtype=dtype)
    order = "F" if in_columns else "C"
    return np.memmap(path, dtype, "r", offset=start, shape=shape, order=order)


def unpacked(stream: BinaryIO, *, check: Check, most: int = 1) -> dict[str, np.ndarray]:
    """Returns the arrays of a NAME.npz by name.

    Args:
        stream: The file.
        check: Of each array.
        most: How many arrays there may be; there is at least one.
    """
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if not 1 <= len(members) <= most:
            allowed = "one" if most == 1 else f"1 to {most}"
            raise ValueError(f"{len(members)} arrays instead of {allowed}")
        _check_sizes(members)
        found = {}
        for member in members:
            with archive.open(member) as inner:
                name = member.filename.removesuffix(".npy")
                found[name] = _content(inner, size=member.file_size, check=check)
        return found


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED_BYTES:
        raise ValueError(
            f"{size:,} bytes, of which a .npz may have at most "
            f"{MAX_UNPACKED_BYTES:,}; a .npy file may have any size"
        )
    for member in members:
        if member.file_size > _MAX_RATIO * max(member.compress_size, 1):
            raise ValueError("its header states more bytes than it can hold")


def _content(inner: BinaryIO, *, size: int, check: Check) -> np.ndarray:
    shape, in_columns, dtype = _header(inner, check)
    _check_bytes(size - inner.tell(), shape=shape, dtype=dtype)
    data = b"".join(_chunks(inner))
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError("cut off")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if in_columns else "C")


def _chunks(inner: BinaryIO) -> Iterator[bytes]:
    while chunk := inner.read(_CHUNK_BYTES):
        yield chunk


def _header(stream: BinaryIO, check: Check) -> tuple[tuple[int, ...], bool, np.dtype]:
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
    if dtype.hasobject:
        raise ValueError("Python objects, which are never unpickled")
    check(shape, dtype)
    return header


def _check_bytes(found: int, *, shape: tuple[int, ...], dtype: np.dtype) -> None:
    promised = math.prod(shape) * dtype.itemsize
    if found != promised:
        raise ValueError(
            f"{found:,} bytes of values where the header states {promised:,}"
        )
