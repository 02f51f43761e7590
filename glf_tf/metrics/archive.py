# SPDX-License-Identifier: Apache-2.0
"""Arrays on disk with what they are: written whole or not at all, read or refused."""

__all__ = [
    "StaleArchive",
    "MOST_BYTES",
    "NotKeptWarning",
    "keep",
    "find",
    "save",
    "load",
]

import io
import json
import math
import os
import pathlib
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from glf_tf import errors, files

_HEADER = "header"


MOST_BYTES = 2**31
"""What the arrays of an archive may take; the largest of ours takes some 50 MB."""

_UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, EOFError, NotImplementedError),
    *(RecursionError, MemoryError, RuntimeError, SyntaxError, zipfile.BadZipFile),
)


class NotKeptWarning(UserWarning):
    """Something was computed that could not be kept for the next time."""


class StaleArchive(errors.Damaged):
    """A file that cannot be used: cut off, or of another kind or version."""


def save(
    path: pathlib.Path,
    *,
    kind: str,
    version: int,
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
) -> None:
    """Writes a file under another name and moves it into place when it is complete.

    Args:
        path: Where to; folders are made.
        kind: What it is, such as "feature statistics".
        version: Of the code that can read it.
        arrays: By name.
        about: What to remember, of kinds that JSON knows.
    """
    header = json.dumps({"kind": kind, "version": version, "about": dict(about)})
    with files.replacing(path) as stream:
        np.savez(stream, **arrays, **{_HEADER: np.array(header)})


def keep(path: pathlib.Path, **what) -> None:
    """Saves what can be computed again; where it cannot be written, a warning says so.

    A file of another user's that may not be replaced is left alone: this user's own
    stands beside it.
    """
    for place in _places(path):
        try:
            return save(place, **what)
        except OSError as error:  # errors.Occupied among them
            reason = error
    return warnings.warn(
        f"{path} cannot be written and is computed again each time: {reason}",
        NotKeptWarning,
        stacklevel=2,
    )


def find(
    path: pathlib.Path, *, kind: str, version: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Returns what `keep` saved, as `load` does; None where there is nothing.

    Raises:
        StaleArchive: There are files, and all of them are of no use.
    """
    stale = None
    for place in _places(path):
        if os.path.exists(place):
            try:
                return load(place, kind=kind, version=version)
            except StaleArchive as error:
                stale = error
    if stale is not None:
        raise stale
    return None


def _places(path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    return path, path.with_stem(f"{path.stem}-{os.getuid()}")


def load(
    path: pathlib.Path, *, kind: str, version: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the arrays, and what was remembered about them.

    Raises:
        NotFound: There is no such file.
        StaleArchive: The file is cut off, or of another kind or version.
    """
    if not path.exists():
        raise errors.NotFound(
            f"The {kind} must be in a file", received=str(path), do="Compute them first"
        )
    try:
        with files.open_regular(path) as stream:
            arrays = _read(stream)
        header = json.loads(str(arrays.pop(_HEADER)))
        about, _ = dict(header["about"]), (header["kind"], header["version"])
    except _UNREADABLE as error:
        raise StaleArchive(
            f"The {kind} must be a complete file",
            received=f"{path}, which cannot be read ({error})",
            do="Delete it; it will be made anew",
        ) from error
    _check(header, path=path, kind=kind, version=version)
    return arrays, about


def _read(stream: BinaryIO) -> dict[str, np.ndarray]:
    """Reads all arrays of a file, which may be a stranger's.

    Ours are stored as they are: an array takes no more than the file has.
    """
    size = stream.seek(0, os.SEEK_END)
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if size > MOST_BYTES or sum(one.file_size for one in members) > size:
            raise ValueError(f"more than {MOST_BYTES:,} bytes, or than the file has")
        if any(one.compress_type != zipfile.ZIP_STORED for one in members):
            raise ValueError("compressed arrays")
        return {
            one.filename.removesuffix(".npy"): _array(archive.read(one))
            for one in members
        }


def _array(data: bytes) -> np.ndarray:
    """Returns the array of an `.npy` file whose header fits the bytes after it."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"an array of format {version}")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if (
        dtype.hasobject
        or dtype.itemsize * math.prod(shape) != len(data) - stream.tell()
    ):
        raise ValueError("an array whose header does not fit its bytes")
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _check(
    header: Mapping[str, Any], *, path: pathlib.Path, kind: str, version: int
) -> None:
    found = (header["kind"], header["version"])
    if found != (kind, version):
        raise StaleArchive(
            f"The file must hold {kind} of version {version}",
            received=f"{path}, which holds {found[0]} of version {found[1]}",
            do="Delete it; it will be made anew",
        )
