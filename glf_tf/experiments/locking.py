# SPDX-License-Identifier: Apache-2.0
"""Locks that keep a second process out of a folder for as long as the first lives."""

__all__ = ["is_a_lock", "locked"]

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

from glf_tf import errors, files


def is_a_lock(file: pathlib.Path) -> bool:
    """Returns whether a file may be a lock of ours: they are empty, and no links."""
    is_plain = file.is_file() and not file.is_symlink()
    return is_plain and file.stat().st_size == 0


@contextlib.contextmanager
def locked(file: pathlib.Path, *, rule: str, received: str) -> Iterator[int]:
    """Holds the lock of a file, which the system drops when the last holder ends.

    Args:
        file: The file; it and its folder are made where they are not there.
        rule: What the error says must hold.
        received: What it says of the folder.

    Yields:
        descriptor: What a child inherits to hold the lock as well.

    Raises:
        Busy: Another process holds it.
        Occupied: There is a link, or no plain file, of that name.
    """
    with files.lockable(file) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise errors.Busy(
                rule,
                received=received,
                do=f"Wait until it has ended, or end it: `fuser {file}` says which",
            ) from error
        yield stream.fileno()
