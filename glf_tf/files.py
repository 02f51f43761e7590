# SPDX-License-Identifier: Apache-2.0
"""Writes and removes files safely; all code of the library uses it.

A file is written under a unique temporary name next to its target, synced, and then
renamed: a kill or a full disk leaves the old file or the new one, never a partial one.
Links are not followed: if the target is a link, the write is refused. `folders.py` does
the same for folders.

    with files.replacing(path) as stream:                   # a file of the library
        stream.write(data)

    with files.output(path, overwrite=False) as stream:     # a file named by the user;
        stream.write(measure())                             # opened before measuring
"""

__all__ = [
    "appending",
    "aside_of",
    "check_no_link",
    "explained",
    "is_aside",
    "lockable",
    "make_folder",
    "occupied",
    "open_regular",
    "output",
    "remove",
    "replacing",
    "sync",
    "sync_file",
    "sync_folder",
    "target_of",
    "write",
]

import contextlib
import errno
import functools
import io
import os
import pathlib
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO

from glf_tf import errors

_ASIDE = ".glf_tf-{name}-{token}"
_IS_ASIDE = re.compile(r"\.glf_tf-(.*)-[0-9a-f]{16}(\.old)?", re.DOTALL)


def write(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file in a folder of the library, completely or not at all.

    Raises:
        Occupied: There is a link or a folder of that name.
        OSError: It cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with replacing(path) as stream:
        stream.write(data)


@contextlib.contextmanager
def replacing(
    path: pathlib.Path,
    *,
    explained: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> Iterator[BinaryIO]:
    """Opens a file that replaces its target when it is completely written.

    The caller ensures that an existing file is one of the library.

    Args:
        path: The file; its folder is created if necessary.
        explained: Returns a context that turns an OSError of the file into another
            error; errors of the caller's own code pass.

    Yields:
        stream: A binary stream.

    Raises:
        Occupied: There is a link or a folder of that name.
        OSError: It cannot be written; an existing file is kept.
    """
    with explained():
        aside = _AsideFile(path, explained=explained)
    try:
        yield aside.stream
        with explained():
            aside.commit()
    except BaseException:
        aside.discard()
        raise


@contextlib.contextmanager
def output(path: pathlib.Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Opens a file named by a user; enter the context before computing its content.

    Args:
        path: The file.
        overwrite: Whether it may replace an existing file.

    Yields:
        stream: A binary stream.

    Raises:
        Occupied: The file exists and `overwrite` is false, or it is a link or folder.
        Exhausted: The folder cannot be written to, or the disk is full.
    """
    explain = functools.partial(explained, path)
    with explain():
        _check_absent(path, overwrite=overwrite)
    with replacing(path, explained=explain) as stream:
        yield stream
        _check_absent(path, overwrite=overwrite)  # it may exist by now


class _AsideFile:
    """A temporary file next to its target, which it replaces at the end."""

    def __init__(self, path: pathlib.Path, *, explained: Callable):
        _check_plain(path)
        make_folder(path.parent)
        self._path, self._aside = path, aside_of(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        raw = _Raw(os.open(self._aside, flags, 0o666), "w+b", explained=explained)
        self.stream = io.BufferedRandom(raw)

    def commit(self) -> None:
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()
        _check_plain(self._path)
        os.replace(self._aside, self._path)
        sync_folder(self._path.parent)

    def discard(self) -> None:
        # Closing writes the buffer, for which the disk may be full.
        with contextlib.suppress(OSError, errors.UserError):
            self.stream.close()
        with contextlib.suppress(OSError):
            self._aside.unlink(missing_ok=True)


class _Raw(io.FileIO):
    """A file whose write errors are distinguished from errors of the caller."""

    def __init__(self, descriptor: int, mode: str, *, explained):
        super().__init__(descriptor, mode)
        self._explained = explained

    def write(self, data):
        with self._explained():
            return super().write(data)


@contextlib.contextmanager
def appending(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a file of the library for appending.

    Raises:
        Occupied: A link, or something else than a regular file, has that name.
        OSError: It cannot be written.
    """
    make_folder(path.parent)
    flags = os.O_WRONLY | os.O_APPEND
    with os.fdopen(_open_plain(path, flags), "ab") as stream:
        yield stream


@contextlib.contextmanager
def lockable(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a file of the library to hold its lock; its content is kept.

    Raises:
        Occupied: A link, or something else than a regular file, has that name.
        OSError: It cannot be opened.
    """
    make_folder(path.parent)
    with os.fdopen(_open_plain(path, os.O_RDWR), "r+b") as stream:
        yield stream


def open_regular(path: pathlib.Path) -> BinaryIO:
    """Opens a regular file for reading, which is not a link, a pipe or a device.

    Raises:
        OSError: It does not exist, cannot be read, or is something else.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def remove(path: pathlib.Path) -> None:
    """Removes a file of the library, or a link in its place, if it exists."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def make_folder(path: pathlib.Path) -> None:
    """Creates a folder and its parents.

    Raises:
        Occupied: Something else has its name, or the name of a parent.
        OSError: It cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise occupied(path, "is not a folder, or a parent is not") from error


def check_no_link(path: pathlib.Path) -> None:
    """Refuses a link as the target of a write; parents may be links.

    Raises:
        Occupied: It is a link.
    """
    if path.is_symlink():
        raise occupied(path, f"is a link to {os.readlink(path)}")


def is_aside(name: str) -> bool:
    """Returns whether a name is a temporary one of this module."""
    return _IS_ASIDE.fullmatch(name) is not None


def target_of(path: pathlib.Path) -> pathlib.Path | None:
    """Returns the target of a temporary name; None for other names."""
    match = _IS_ASIDE.fullmatch(path.name)
    return path.with_name(match[1]) if match else None


def aside_of(path: pathlib.Path) -> pathlib.Path:
    """Returns a unique temporary name next to a file or folder."""
    # File systems allow 255 bytes; a truncated name still works.
    name = path.name.encode("utf-8", "surrogateescape")[:200]
    name = name.decode("utf-8", "ignore")
    return path.with_name(_ASIDE.format(name=name, token=secrets.token_hex(8)))


def sync(folder: pathlib.Path) -> None:
    """Syncs a folder, and all files directly in it, to the disk."""
    for path in folder.iterdir():
        sync_file(path)
    sync_folder(folder)


def sync_folder(path: pathlib.Path) -> None:
    """Syncs the names in a folder to the disk, if its file system supports it."""
    # Some file systems do not; then only a power failure can lose data.
    with contextlib.suppress(OSError):
        sync_file(path)


@contextlib.contextmanager
def explained(
    path: pathlib.Path,
    *,
    rule: str = "An output needs a writable folder with free space",
    do: str = "Free some space, or pass another name",
) -> Iterator[None]:
    """Turns a failure to write into one line.

    Args:
        path: What is written.
        rule: What it needs.
        do: What helps.

    Raises:
        Exhausted: The folder cannot be written to, or the disk is full.
    """
    try:
        yield
    except errors.UserError:
        raise
    except OSError as error:
        raise errors.Exhausted(
            rule, received=f"{path}: {error.strerror or error}", do=do
        ) from error


def occupied(path: pathlib.Path, found: str) -> errors.Occupied:
    """Returns the error for a path that must not be replaced."""
    return errors.Occupied(
        "The library replaces only what it wrote itself",
        received=f"{path}, which {found}",
        do="Move it away, or pass another name",
    )


def _check_plain(path: pathlib.Path) -> None:
    """Refuses targets that a file must not replace."""
    check_no_link(path)
    if path.exists() and not path.is_file():
        raise occupied(path, "is not a regular file")


def _check_absent(path: pathlib.Path, *, overwrite: bool) -> None:
    """Refuses a file that exists, unless it may be replaced."""
    _check_plain(path)
    if path.exists() and not overwrite:
        raise errors.Occupied(
            "An existing file is replaced only on request",
            received=f"{path}, which exists",
            do="Pass --overwrite, or another name",
        )


def _open_plain(path: pathlib.Path, flags: int) -> int:
    """Opens a file of the library, or creates it, without following links."""
    _check_plain(path)
    flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise occupied(path, "is a link") from error
        raise


def sync_file(path: pathlib.Path) -> None:
    """Syncs a file to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
