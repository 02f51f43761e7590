# SPDX-License-Identifier: Apache-2.0
"""Decoded copies of picture sets: uint8 `.npy` files, written once and then mapped.

Decoding two hundred thousand pictures takes minutes, and the result may not fit in
memory. It is therefore written chunk by chunk to a file, which later runs only open.
The file gets its final name when it is whole, so a half-written one is never read.
"""

__all__ = ["IN_MEMORY_LIMIT_BYTES", "images", "fingerprint"]

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from glf_tf import errors

IN_MEMORY_LIMIT_BYTES = 2**30
"""Sets that take at most as much are returned in memory, larger ones mapped."""

_FORMAT_VERSION = 2
"""Part of every key: raise it when the same pictures would be decoded differently."""


def images(
    key: Mapping[str, Any],
    *,
    cache_dir: pathlib.Path,
    image_shape: tuple[int, int, int],
    chunks: Callable[[], Iterable[np.ndarray]],
    limit: int = IN_MEMORY_LIMIT_BYTES,
) -> np.ndarray:
    """Returns the decoded images of `key`, which are decoded only if no copy is there.

    Two processes that want the same images do the work once: the second waits.

    Args:
        key: What decides the pixels: `dataset` and `split`, which begin the file's
            name, the options, and the fingerprint of the source; all of them JSON.
        cache_dir: The folder of the copies; made where it is not there.
        image_shape: (height, width, channels).
        chunks: Decodes: returns uint8 arrays `[chunk, height, width, channels]`.
        limit: Bytes from which on the result is mapped.

    Returns:
        images: uint8 `[size, height, width, channels]`, an array or `numpy.memmap`.

    Raises:
        Unsupported: The folder cannot be written to, or is full.
    """
    digest = hashlib.sha256(json.dumps([_FORMAT_VERSION, key], sort_keys=True).encode())
    name = f"{key['dataset']}-{key['split']}-{digest.hexdigest()[:16]}.npy"
    file = cache_dir / name
    found = _open(file, image_shape=image_shape)
    if found is None:
        with _explained(cache_dir):
            cache_dir.mkdir(parents=True, exist_ok=True)
        with _locked(file):
            # Another process may have written it while this one waited for the lock.
            found = _open(file, image_shape=image_shape)
            if found is None:
                _sweep(cache_dir)
                _write(file, image_shape=image_shape, chunks=chunks())
                found = _open(file, image_shape=image_shape)
    return np.array(found) if found.nbytes <= limit else found


def fingerprint(files: Iterable[pathlib.Path], *, root: pathlib.Path) -> str:
    """Returns a digest of the files' names below `root`, sizes and times of change.

    Raises:
        FileNotFoundError: One of them is not there.
    """
    sha = hashlib.sha256()
    for file in files:
        status = file.stat()
        name = file.relative_to(root).as_posix()
        sha.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return sha.hexdigest()


def _open(file: pathlib.Path, *, image_shape: tuple[int, int, int]) -> np.memmap | None:
    """Returns the mapped file, or None where it is missing or damaged."""
    try:
        mapped = np.lib.format.open_memmap(file, mode="r")
    except (OSError, ValueError):
        return None
    fits = mapped.dtype == np.uint8 and mapped.shape[1:] == tuple(image_shape)
    return mapped if fits else None


def _write(
    file: pathlib.Path,
    *,
    image_shape: tuple[int, int, int],
    chunks: Iterable[np.ndarray],
) -> None:
    """Writes the chunks to a temporary file and then gives it its name."""
    temporary = file.with_suffix(".tmp")
    try:
        with _explained(file.parent):
            stream = temporary.open("wb")
        with stream:
            _write_array(stream, image_shape=image_shape, chunks=chunks)
        with _explained(file.parent):
            temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _write_array(
    stream: BinaryIO, *, image_shape: tuple[int, int, int], chunks: Iterable[np.ndarray]
) -> None:
    """Writes an `.npy` file whose number of images is known only at its end.

    Written as a stream rather than through a mapping: a full disk is then an error,
    where a mapping would end the process, and the memory in use stays flat.
    """
    size = 0
    _write_header(stream, shape=(size, *image_shape))
    start = stream.tell()
    for chunk in chunks:
        size += len(chunk)
        with _explained(stream.name):
            stream.write(np.ascontiguousarray(chunk, np.uint8))
    with _explained(stream.name):
        stream.seek(0)
        _write_header(stream, shape=(size, *image_shape))
        # NumPy pads headers so that the first dimension can grow in place.
        assert stream.tell() == start
        stream.flush()
        os.fsync(stream.fileno())


def _write_header(stream: BinaryIO, *, shape: tuple[int, ...]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)


def _sweep(cache_dir: pathlib.Path) -> None:
    """Removes what killed processes left: temporary files that nobody has locked."""
    for temporary in cache_dir.glob("*.tmp"):
        with contextlib.suppress(BlockingIOError), _locked(temporary, wait=False):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(file: pathlib.Path, *, wait: bool = True) -> Iterator[None]:
    """Holds the lock of a cached file; the system drops it when the process ends."""
    with _explained(file.parent):
        lock = file.with_suffix(".lock").open("wb")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


@contextlib.contextmanager
def _explained(place: pathlib.Path | str) -> Iterator[None]:
    """Turns a failure to write into advice."""
    try:
        yield
    except OSError as error:
        raise errors.Unsupported(
            "The cache needs a folder that is writable and has room",
            received=f"{place}: {error.strerror}",
            do="Free some space, or pass another --cache_dir",
        ) from error
