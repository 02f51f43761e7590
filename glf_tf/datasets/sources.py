# SPDX-License-Identifier: Apache-2.0
"""Possible sources of a data set, tried one after the other."""

__all__ = ["MAX_BYTES", "Source", "first", "all_or_none", "missing_file"]

import dataclasses
import pathlib
from collections.abc import Callable, Iterable

from glf_tf import errors
from glf_tf.data import image_set

MAX_BYTES = 2**30
"""Maximum bytes of a file of a standard data set, compressed or not: 1 GiB."""


@dataclasses.dataclass(frozen=True)
class Source:
    """A possible source of a data set.

    Attributes:
        where: A description for the message that lists all sources tried.
        load: Returns the wanted split, or None if the source does not have the set.
    """

    where: str
    load: Callable[[], image_set.ImageSet | None]


def first(name: str, sources: Iterable[Source], *, do: str) -> image_set.ImageSet:
    """Returns the split from the first source that has it.

    Args:
        name: The data set's name.
        sources: In the order in which they are tried.
        do: How the user can bring the files there.

    Raises:
        NotFound: No source has it; the message lists them all.
    """
    looked = []
    for source in sources:
        found = source.load()
        if found is not None:
            return found
        looked.append(source.where)
    raise errors.NotFound(
        f"The files of {name} must be in one of the folders that are searched",
        received=f"nothing in {', '.join(looked)}",
        do=do,
    )


def all_or_none(
    name: str,
    folder: pathlib.Path,
    needed: Iterable[str],
    *,
    siblings: Iterable[str] = (),
) -> list[pathlib.Path] | None:
    """Returns the needed files of a folder, or None if it does not have the set.

    Args:
        name: The data set's name.
        folder: The folder, which need not exist.
        needed: The names of the files of the wanted split.
        siblings: Names of further files of the set: a folder with some of them that
            lacks a needed file is an error, not a folder of something else.

    Raises:
        NotFound: The folder has some files, but not all that are needed.
        Damaged: A file is not a regular file, or too large.
    """
    files = [folder / item for item in needed]
    if not any(file.exists() for file in [*files, *(folder / s for s in siblings)]):
        return None
    for file in files:
        if not file.exists():
            raise missing_file(name, file)
        _check_plain(name, file)
    return files


def _check_plain(name: str, file: pathlib.Path) -> None:
    size = file.stat().st_size
    if not file.is_file() or size > MAX_BYTES:
        raise errors.Damaged(
            f"A file of {name} must be a regular one of at most {MAX_BYTES:,} bytes",
            received=f"{file}, {size:,} bytes" if file.is_file() else file,
            do="Fetch it again",
        )


def missing_file(name: str, file: pathlib.Path) -> errors.NotFound:
    """Returns the error for a folder with only some files of a data set."""
    return errors.NotFound(
        f"A folder must hold all files of {name}, or none",
        received=f"{file.parent} without {file.name}",
        do=f"Put {file.name} there, or move the folder's other files away",
    )
