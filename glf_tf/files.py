# SPDX-License-Identifier: Apache-2.0
"""The one door for writes of files: nothing that is not ours is touched.

What is written is written aside, under a name that nobody else has and beside its
target, synced, and then renamed: a kill or a full disk leaves the old or the new, never
half of either. A link is never followed: where one stands in the place of a file of
ours, the write is refused. `folders.py` is the same for folders.

    with files.replacing(path) as stream:                   # a file of our own folder
        stream.write(data)

    with files.output(path, overwrite=False) as stream:     # a file that a user named;
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
    """Writes a file of a folder of ours, whole or not at all.

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
    """Opens a file that takes the name of another one when all is written.

    The caller answers for it that a file of that name, if there is one, is ours.

    Args:
        path: The file; its folder is made where it is not there.
        explained: Makes contexts that turn an OSError of the file into another error;
            what the caller's own work raises passes.

    Yields:
        stream: To write bytes to.

    Raises:
        Occupied: There is a link or a folder of that name.
        OSError: It cannot be written; what was there still is.
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
    """Opens a file that a user named; enter it before what is written is computed.

    Args:
        path: The file.
        overwrite: Whether it may take the place of one that is there.

    Yields:
        stream: To write bytes to.

    Raises:
        Occupied: There is one and `overwrite` is false, or a link or folder.
        Exhausted: The place cannot be written to, or is full.
    """
    told = functools.partial(explained, path)
    with told():
        _check_absent(path, overwrite=overwrite)
    with replacing(path, explained=told) as stream:
        yield stream
        _check_absent(path, overwrite=overwrite)  # it may have come meanwhile


class _AsideFile:
    """A file that is written beside its target, and takes its name at the end."""

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
        # Closing writes what is buffered, for which there may be no room.
        with contextlib.suppress(OSError, errors.UserError):
            self.stream.close()
        with contextlib.suppress(OSError):
            self._aside.unlink(missing_ok=True)


class _Raw(io.FileIO):
    """A file whose failing writes are told from other errors of who writes."""

    def __init__(self, descriptor: int, mode: str, *, explained):
        super().__init__(descriptor, mode)
        self._explained = explained

    def write(self, data):
        with self._explained():
            return super().write(data)


@contextlib.contextmanager
def appending(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a file of ours to add to its end.

    Raises:
        Occupied: There is a link, or no plain file, of that name.
        OSError: It cannot be written.
    """
    make_folder(path.parent)
    flags = os.O_WRONLY | os.O_APPEND
    with os.fdopen(_open_plain(path, flags), "ab") as stream:
        yield stream


@contextlib.contextmanager
def lockable(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a file of ours to hold its lock; what is in it stays.

    Raises:
        Occupied: There is a link, or no plain file, of that name.
        OSError: It cannot be opened.
    """
    make_folder(path.parent)
    with os.fdopen(_open_plain(path, os.O_RDWR), "r+b") as stream:
        yield stream


def open_regular(path: pathlib.Path) -> BinaryIO:
    """Opens a plain file to be read: no link, and nothing that could block or not end.

    Raises:
        OSError: It is not there, cannot be read, or is something else.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no plain file", str(path))
    return os.fdopen(descriptor, "rb")


def remove(path: pathlib.Path) -> None:
    """Removes a file of ours, or a link in its place; what is gone is no error."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def make_folder(path: pathlib.Path) -> None:
    """Makes a folder and those above it.

    Raises:
        Occupied: Something else has its name, or the name of one above.
        OSError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise occupied(path, "is, or lies below, what is no folder") from error


def check_no_link(path: pathlib.Path) -> None:
    """Refuses a link where we write; links above it are the user's own affair.

    Raises:
        Occupied: It is one.
    """
    if path.is_symlink():
        raise occupied(path, f"is a link to {os.readlink(path)}")


def is_aside(name: str) -> bool:
    """Returns whether a name is one that `replacing` and its like write aside under."""
    return _IS_ASIDE.fullmatch(name) is not None


def target_of(path: pathlib.Path) -> pathlib.Path | None:
    """Returns whose place something written aside is to take; None for other names."""
    match = _IS_ASIDE.fullmatch(path.name)
    return path.with_name(match[1]) if match else None


def aside_of(path: pathlib.Path) -> pathlib.Path:
    """Returns a name beside a file or folder that nobody else has."""
    # File systems take 255 bytes; what is cut off only makes the name less telling.
    name = path.name.encode("utf-8", "surrogateescape")[:200]
    name = name.decode("utf-8", "ignore")
    return path.with_name(_ASIDE.format(name=name, token=secrets.token_hex(8)))


def sync(folder: pathlib.Path) -> None:
    """Puts all files directly in a folder, and the folder, on the disk."""
    for path in folder.iterdir():
        sync_file(path)
    sync_folder(folder)


def sync_folder(path: pathlib.Path) -> None:
    """Puts the names in a folder on the disk, where its file system can."""
    # Some file systems cannot, and nothing is lost while the power stays.
    with contextlib.suppress(OSError):
        sync_file(path)


@contextlib.contextmanager
def explained(
    path: pathlib.Path,
    *,
    rule: str = "An output needs a place that can be written to and has room",
    do: str = "Free some space, or pass another name",
) -> Iterator[None]:
    """Turns a failure to write into one line.

    Args:
        path: What is written.
        rule: What it needs.
        do: What helps.

    Raises:
        Exhausted: The place cannot be written to, or is full.
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
    """Returns the error for what is not replaced, and what was found there."""
    return errors.Occupied(
        "Only what the library wrote itself is replaced",
        received=f"{path}, which {found}",
        do="Move it away, or pass another name",
    )


def _check_plain(path: pathlib.Path) -> None:
    """Refuses what a file may not take the place of."""
    check_no_link(path)
    if path.exists() and not path.is_file():
        raise occupied(path, "is no plain file")


def _check_absent(path: pathlib.Path, *, overwrite: bool) -> None:
    """Refuses a file that exists, unless it may be replaced."""
    _check_plain(path)
    if path.exists() and not overwrite:
        raise errors.Occupied(
            "A file that exists is replaced only when asked for",
            received=f"{path}, which exists",
            do="Pass --overwrite, or another name",
        )


def _open_plain(path: pathlib.Path, flags: int) -> int:
    """Opens a file of ours, made where it is not there, without following a link."""
    _check_plain(path)
    flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise occupied(path, "is a link") from error
        raise


def sync_file(path: pathlib.Path) -> None:
    """Puts a file on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
