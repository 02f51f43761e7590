# SPDX-License-Identifier: Apache-2.0
"""Locks that keep a second process out of a folder for as long as the first lives."""

__all__ = ["locked"]

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

from glf_tf import errors, files


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
