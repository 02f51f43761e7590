# SPDX-License-Identifier: Apache-2.0
"""Archives of arrays with metadata, written atomically and checked on reading."""

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
"""Maximum size of the arrays of an archive; the library's largest takes 50 MB."""

_UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, EOFError, NotImplementedError),
    *(RecursionError, MemoryError, RuntimeError, SyntaxError, zipfile.BadZipFile),
)


class NotKeptWarning(UserWarning):
    """A warning that a result could not be cached."""


class StaleArchive(errors.Damaged):
    """A file that cannot be used: truncated, or of another kind or version."""


def save(
    path: pathlib.Path,
    *,
    kind: str,
    version: int,
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
) -> None:
    """Writes a file under a temporary name, and renames it when it is complete.

    Args:
        path: The file; folders are created.
        kind: Its kind, such as "feature statistics".
        version: The version of its format.
        arrays: The arrays by name.
        about: Metadata, as JSON values.
    """
    header = json.dumps({"kind": kind, "version": version, "about": dict(about)})
    with files.replacing(path) as stream:
        np.savez(stream, **arrays, **{_HEADER: np.array(header)})


def keep(path: pathlib.Path, **what) -> None:
    """Saves a result that can be computed again; warns if it cannot be written.

    If another user's file cannot be replaced, this user's is written next to it.
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
    """Returns what `keep` saved, like `load`; None if there is no file.

    Raises:
        StaleArchive: No file can be used.
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
    """Returns the arrays and their metadata.

    Raises:
        NotFound: There is no such file.
        StaleArchive: The file is truncated, or of another kind or version.
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
            do="Delete it, so that it is computed again",
        ) from error
    _check(header, path=path, kind=kind, version=version)
    return arrays, about


def _read(stream: BinaryIO) -> dict[str, np.ndarray]:
    """Reads all arrays of a file, which may be untrusted.

    The arrays are not compressed: they need no more memory than the file's size.
    """
    size = stream.seek(0, os.SEEK_END)
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if size > MOST_BYTES or sum(member.file_size for member in members) > size:
            raise ValueError(f"more than {MOST_BYTES:,} bytes, or than the file has")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("compressed arrays")
        return {
            member.filename.removesuffix(".npy"): _array(archive.read(member))
            for member in members
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
            do="Delete it, so that it is computed again",
        )
