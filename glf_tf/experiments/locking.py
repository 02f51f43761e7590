# SPDX-License-Identifier: Apache-2.0
"""Locks that reserve a folder for a process and its children."""

__all__ = ["is_a_lock", "locked"]

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

from glf_tf import errors, files


def is_a_lock(file: pathlib.Path) -> bool:
    """Returns whether a file may be a lock: an empty file, not a link."""
    is_plain = file.is_file() and not file.is_symlink()
    return is_plain and file.stat().st_size == 0


@contextlib.contextmanager
def locked(file: pathlib.Path, *, rule: str, received: str) -> Iterator[int]:
    """Holds the lock of a file, which the system releases when the last holder ends.

    Args:
        file: The file; it and its folder are created if necessary.
        rule: The rule in the error.
        received: The description of the folder in the error.

    Yields:
        descriptor: Inherited by children that hold the lock as well.

    Raises:
        Busy: Another process holds the lock.
        Occupied: A link, or something else than a regular file, has that name.
    """
    with files.lockable(file) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise errors.Busy(
                rule,
                received=received,
                do=f"Wait until it has ended, or end it: `fuser {file}` shows its id",
            ) from error
        yield stream.fileno()
