# SPDX-License-Identifier: Apache-2.0
"""Writes images as a PNG grid, an array or a folder of PNG files."""

__all__ = ["check", "check_vectors", "opened"]

import contextlib
import functools
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import numpy as np

from glf_tf import errors, files, folders
from glf_tf.data import pixels
from glf_tf.tasks import pictures

MOST_IN_GRID = 10_000
"""Maximum number of images in a PNG grid."""


Writer = Callable[..., None]
"""Writes chunks of images `[size, height, width, channels]` in [0, 1]."""


@contextlib.contextmanager
def opened(
    path: pathlib.Path,
    *,
    count: int,
    overwrite: bool = False,
    columns: int | None = None,
) -> Iterator[Writer]:
    """Opens the output of images; enter the context before they are drawn.

    An existing output is replaced when the new one is complete.

    Args:
        path: `NAME.png` for one grid, `NAME.npy` for a float32 array
            `[n, height, width, channels]` in [0, 1], any other name for a folder of
            `00000.png`, `00001.png`, ...
        count: The number of images.
        overwrite: Whether an existing file may be replaced. Folders may be replaced if
            they are empty or were written by this function.
        columns: Images per row of a grid.

    Yields:
        write: A function that writes a chunk of images; for arrays and grids an
            iterable of chunks.

    Raises:
        InvalidValue: A grid would be too large, or the suffix is unknown.
        Occupied: Something exists that must not be replaced.
        Exhausted: The folder cannot be written to, or the disk is full.
    """
    check(path, count=count)
    if path.suffix == "":
        explained = functools.partial(files.explained, path)
        with folders.replacing(path, kind="images", explained=explained) as aside:
            yield functools.partial(_write_folder, aside, explained=explained)
        return
    write = _write_array if path.suffix == ".npy" else _write_grid
    with files.output(path, overwrite=overwrite) as stream:
        yield functools.partial(write, stream, columns=columns)


def check_vectors(path: pathlib.Path) -> None:
    """Checks a path of vectors before anything is drawn.

    Raises:
        InvalidValue: It is that of images.
    """
    if path.suffix != ".npy":
        raise errors.InvalidValue(
            "Vectors are written as NAME.npy",
            received=f"--output={path}",
            do="Use for instance --output=samples.npy",
        )


def check(path: pathlib.Path, *, count: int) -> None:
    """Checks a path before anything is drawn.

    Raises:
        InvalidValue: A grid would be too large, or a folder's name is a file's.
    """
    if path.suffix == ".png" and count > MOST_IN_GRID:
        raise errors.InvalidValue(
            f"A PNG grid has at most {MOST_IN_GRID:,} images",
            received=f"{count:,} for {path}",
            do="Write an array (NAME.npy) or a folder (a name without a suffix)",
        )
    if path.suffix not in (".png", ".npy", ""):
        raise errors.InvalidValue(
            "Images are written as NAME.png, NAME.npy or into a folder",
            received=f"--output={path}",
            do="Use one of the three forms",
        )
    if path.suffix == "" and path.is_file():
        raise errors.InvalidValue(
            "A folder cannot have the name of a file",
            received=f"--output={path}",
            do="Use another name",
        )


def _write_array(
    stream: BinaryIO, chunks: Iterable[np.ndarray], *, columns: int | None
) -> None:
    del columns
    np.save(stream, np.concatenate(list(chunks)))


def _write_grid(
    stream: BinaryIO, chunks: Iterable[np.ndarray], *, columns: int | None
) -> None:
    picture = pictures.grid(np.concatenate(list(chunks)), columns=columns)
    stream.write(pictures.to_png(picture))


def _write_folder(
    folder: pathlib.Path, chunks: Iterable[np.ndarray], *, explained: Callable
) -> None:
    index = 0
    for chunk in chunks:
        for image in pixels.rounded(chunk):
            with explained():
                pictures.save(folder / f"{index:05d}.png", image)
            index += 1
