# SPDX-License-Identifier: Apache-2.0
"""Cache of decoded picture sets: uint8 `.npy` files, written once, then memory-mapped.

Decoding two hundred thousand pictures takes minutes, and the result may not fit in
memory. So it is written to a file chunk by chunk, and later runs open that file. The
file gets its final name when it is complete, so a partial file is never read.
"""

__all__ = ["IN_MEMORY_LIMIT_BYTES", "images", "fingerprint"]

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from glf_tf import errors, files

IN_MEMORY_LIMIT_BYTES = 2**30
"""Larger sets are memory-mapped, smaller ones are returned in memory."""

_FORMAT_VERSION = 2
"""Part of every key; increased when the decoding of pictures changes."""

_explained = functools.partial(
    files.explained,
    rule="The cache needs a writable folder with free space",
    do="Free some space, or pass another --cache_dir",
)
"""Turns a failed write into an error with advice."""


def images(
    key: Mapping[str, Any],
    *,
    cache_dir: pathlib.Path,
    image_shape: tuple[int, int, int],
    chunks: Callable[[], Iterable[np.ndarray]],
    limit: int = IN_MEMORY_LIMIT_BYTES,
) -> np.ndarray:
    """Returns the decoded images of `key`; decodes them only if they are not cached.

    If two processes need the same images, the second waits for the first.

    Args:
        key: Everything that determines the pixels, as JSON: `dataset` and `split`,
            which begin the file's name, the options, and the fingerprint of the source.
        cache_dir: The folder of the cache; created if necessary.
        image_shape: (height, width, channels).
        chunks: Returns an iterable of decoded uint8 arrays `[chunk, height, width,
            channels]`.
        limit: Results of more bytes are memory-mapped.

    Returns:
        images: uint8 `[size, height, width, channels]`, an array or `numpy.memmap`.

    Raises:
        Exhausted: The folder cannot be written to, or is full.
    """
    digest = hashlib.sha256(json.dumps([_FORMAT_VERSION, key], sort_keys=True).encode())
    name = f"{key['dataset']}-{key['split']}-{digest.hexdigest()[:16]}"
    write = functools.partial(_write, image_shape=image_shape, chunks=chunks)
    found = _first(cache_dir, name=name, image_shape=image_shape)
    if found is None:
        found = _made(cache_dir, name=name, image_shape=image_shape, write=write)
    return np.array(found) if found.nbytes <= limit else found


def _made(
    cache_dir: pathlib.Path,
    *,
    name: str,
    image_shape: tuple[int, int, int],
    write: Callable[[pathlib.Path], None],
) -> np.memmap:
    """Writes the file, or waits for the process that does, and maps it."""
    file = _writable(cache_dir, name=name)
    with _locked(file):
        # Another process may have written it while this one waited for the lock.
        found = _open(file, image_shape=image_shape)
        if found is None:
            _sweep(cache_dir)
            write(file)
            found = _open(file, image_shape=image_shape)
    if found is None:
        raise errors.Damaged(
            "A cached file must stay as it was written",
            received=f"{file}, which has changed since",
            do="Pass another --cache_dir",
        )
    return found


def fingerprint(files: Iterable[pathlib.Path], *, root: pathlib.Path) -> str:
    """Returns a digest of the files' names below `root`, sizes and modification times.

    A dangling link counts as a file, and so does one that may not be looked at:
    decoding reports what is wrong with it.

    Raises:
        FileNotFoundError: A file does not exist.
    """
    sha = hashlib.sha256()
    for file in files:
        size, time = _size_and_time(file)
        line = f"{file.relative_to(root)}\0{size}\0{time}\n"
        sha.update(line.encode("utf-8", "surrogateescape"))
    return sha.hexdigest()


def _size_and_time(file: pathlib.Path) -> tuple[int, int]:
    """Returns size and modification time; -1 in a folder that may not be entered."""
    try:
        is_dangling = file.is_symlink() and not file.exists()
        status = file.lstat() if is_dangling else file.stat()
    except PermissionError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _first(
    cache_dir: pathlib.Path, *, name: str, image_shape: tuple[int, int, int]
) -> np.memmap | None:
    """Returns the memory-mapped cached file of any user, or None."""
    for file in _files(cache_dir, name=name):
        found = _open(file, image_shape=image_shape)
        if found is not None:
            return found
    return None


def _files(cache_dir: pathlib.Path, *, name: str) -> tuple[pathlib.Path, ...]:
    """Returns the paths of a cached file: one for all users, and one for this user.

    In a shared folder, a damaged file of another user cannot be replaced.
    """
    return cache_dir / f"{name}.npy", cache_dir / f"{name}-{os.getuid()}.npy"


def _writable(cache_dir: pathlib.Path, *, name: str) -> pathlib.Path:
    """Returns the first of the files that is neither another user's nor a link."""
    shared, own = _files(cache_dir, name=name)
    for file in (shared, shared.with_suffix(".lock")):
        if file.is_symlink() or (file.exists() and not _is_mine(file)):
            return own
    return shared


def _is_mine(file: pathlib.Path) -> bool:
    return file.is_file() and os.access(file, os.R_OK | os.W_OK)


def _open(file: pathlib.Path, *, image_shape: tuple[int, int, int]) -> np.memmap | None:
    """Returns the memory-mapped file, or None if it is missing or damaged."""
    try:
        # Only a regular file is mapped: others have no end, or change while mapped.
        files.open_regular(file).close()
        mapped = np.lib.format.open_memmap(file, mode="r")
    except (OSError, ValueError, OverflowError, RecursionError, MemoryError):
        return None
    fits = mapped.dtype == np.uint8 and mapped.shape[1:] == tuple(image_shape)
    return mapped if fits else None


def _write(
    file: pathlib.Path,
    *,
    image_shape: tuple[int, int, int],
    chunks: Callable[[], Iterable[np.ndarray]],
) -> None:
    """Writes the chunks to a file that gets its name when it is complete."""
    explained = functools.partial(_explained, file.parent)
    with files.replacing(file, explained=explained) as stream:
        _write_array(stream, image_shape=image_shape, chunks=chunks())


def _write_array(
    stream: BinaryIO, *, image_shape: tuple[int, int, int], chunks: Iterable[np.ndarray]
) -> None:
    """Writes an `.npy` file whose number of images is known only at the end.

    It is written as a stream rather than through a memory map, so that a full disk is
    an error (it would kill a process that writes to a map) and memory use stays
    constant.
    """
    size = 0
    _write_header(stream, shape=(size, *image_shape))
    start = stream.tell()
    for chunk in chunks:
        size += len(chunk)
        stream.write(np.ascontiguousarray(chunk, np.uint8))
    stream.seek(0)
    _write_header(stream, shape=(size, *image_shape))
    # NumPy pads headers so that the first dimension can grow in place.
    assert stream.tell() == start


def _write_header(stream: BinaryIO, *, shape: tuple[int, ...]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)


def _sweep(cache_dir: pathlib.Path) -> None:
    """Removes files that killed processes left, which no process has locked."""
    with _explained(cache_dir):
        asides = list(cache_dir.iterdir())
    for aside in asides:
        target = files.target_of(aside)
        is_plain = aside.is_file() and not aside.is_symlink()
        if target is None or target.suffix != ".npy" or not is_plain:
            continue
        # A locked file is being written; other users' files are left alone.
        with (
            contextlib.suppress(OSError, errors.Exhausted),
            _locked(target, wait=False),
        ):
            files.remove(aside)


@contextlib.contextmanager
def _locked(file: pathlib.Path, *, wait: bool = True) -> Iterator[None]:
    """Holds the lock of a cached file; the system releases it when the process ends."""
    with contextlib.ExitStack() as stack:
        with _explained(file.parent):
            lock = stack.enter_context(files.lockable(file.with_suffix(".lock")))
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
