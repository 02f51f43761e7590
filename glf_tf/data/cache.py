# SPDX-License-Identifier: Apache-2.0
"""Decoded copies of picture sets: uint8 `.npy` files, written once and then mapped.

Decoding two hundred thousand pictures takes minutes, and the result may not fit in
memory. It is therefore written chunk by chunk to a file, which later runs only open.
The file gets its final name when it is whole, so a half-written one is never read.
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
"""Sets that take at most as much are returned in memory, larger ones mapped."""

_FORMAT_VERSION = 2
"""Part of every key: raise it when the same pictures would be decoded differently."""

_explained = functools.partial(
    files.explained,
    rule="The cache needs a folder that is writable and has room",
    do="Free some space, or pass another --cache_dir",
)
"""Turns a failure to write into advice."""


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
    """Writes a copy, or waits for who does, and returns it mapped."""
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
            "A decoded copy is read as it was written",
            received=f"{file}, which has changed meanwhile",
            do="Pass another --cache_dir",
        )
    return found


def fingerprint(files: Iterable[pathlib.Path], *, root: pathlib.Path) -> str:
    """Returns a digest of the files' names below `root`, sizes and times of change.

    Raises:
        FileNotFoundError: One of them is not there.
    """
    sha = hashlib.sha256()
    for file in files:
        # A link to nothing is there; who decodes it says what is wrong with it.
        is_dangling = file.is_symlink() and not file.exists()
        status = file.lstat() if is_dangling else file.stat()
        line = f"{file.relative_to(root)}\0{status.st_size}\0{status.st_mtime_ns}\n"
        sha.update(line.encode("utf-8", "surrogateescape"))
    return sha.hexdigest()


def _first(
    cache_dir: pathlib.Path, *, name: str, image_shape: tuple[int, int, int]
) -> np.memmap | None:
    """Returns a mapped copy, whosever it is, or None."""
    for file in _files(cache_dir, name=name):
        found = _open(file, image_shape=image_shape)
        if found is not None:
            return found
    return None


def _files(cache_dir: pathlib.Path, *, name: str) -> tuple[pathlib.Path, ...]:
    """Returns where a copy may be: in a file for all users, or in one for this user.

    In a folder that several users share, a file of another one may be damaged and yet
    not replaced.
    """
    return cache_dir / f"{name}.npy", cache_dir / f"{name}-{os.getuid()}.npy"


def _writable(cache_dir: pathlib.Path, *, name: str) -> pathlib.Path:
    """Returns the first of the files that is not another user's, nor a link."""
    shared, own = _files(cache_dir, name=name)
    for file in (shared, shared.with_suffix(".lock")):
        if file.is_symlink() or (file.exists() and not _is_mine(file)):
            return own
    return shared


def _is_mine(file: pathlib.Path) -> bool:
    return file.is_file() and os.access(file, os.R_OK | os.W_OK)


def _open(file: pathlib.Path, *, image_shape: tuple[int, int, int]) -> np.memmap | None:
    """Returns the mapped file, or None where it is missing or damaged."""
    try:
        # Only a plain file is mapped: others do not end, or change under the mapping.
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
    """Writes the chunks to a file that gets its name when it is whole."""
    told = functools.partial(_explained, file.parent)
    with files.replacing(file, explained=told) as stream:
        _write_array(stream, image_shape=image_shape, chunks=chunks())


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
        stream.write(np.ascontiguousarray(chunk, np.uint8))
    stream.seek(0)
    _write_header(stream, shape=(size, *image_shape))
    # NumPy pads headers so that the first dimension can grow in place.
    assert stream.tell() == start


def _write_header(stream: BinaryIO, *, shape: tuple[int, ...]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)


def _sweep(cache_dir: pathlib.Path) -> None:
    """Removes what killed processes left: files of which nobody holds the lock."""
    with _explained(cache_dir):
        asides = list(cache_dir.iterdir())
    for aside in asides:
        target = files.target_of(aside)
        is_plain = aside.is_file() and not aside.is_symlink()
        if target is None or target.suffix != ".npy" or not is_plain:
            continue
        # Who holds it writes there; another user's is not ours to sweep.
        with (
            contextlib.suppress(OSError, errors.Exhausted),
            _locked(target, wait=False),
        ):
            files.remove(aside)


@contextlib.contextmanager
def _locked(file: pathlib.Path, *, wait: bool = True) -> Iterator[None]:
    """Holds the lock of a cached file; the system drops it when the process ends."""
    with contextlib.ExitStack() as stack:
        with _explained(file.parent):
            lock = stack.enter_context(files.lockable(file.with_suffix(".lock")))
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
