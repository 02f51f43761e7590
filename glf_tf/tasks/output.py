# SPDX-License-Identifier: Apache-2.0
"""Writes images as a PNG grid, an array or a folder of PNG files; vectors as tables."""

__all__ = ["check", "check_kind", "opened"]

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
    is_any: bool = False,
) -> Iterator[Writer]:
    """Opens the output; enter the context before images or vectors are drawn.

    An existing output is replaced when the new one is complete.

    Args:
        path: `NAME.png` for one grid, `NAME.npy` for a float32 array
            `[n, height, width, channels]` in [0, 1], any other name for a folder of
            `00000.png`, `00001.png`, ...; `NAME.csv` for vectors, a row a line.
        count: The number of images.
        overwrite: Whether an existing file may be replaced. Folders may be replaced if
            they are empty or were written by this function.
        columns: Images per row of a grid.
        is_any: Whether they may be vectors; call `check_kind` when it is known.

    Yields:
        write: A function that writes a chunk of images; for arrays and grids an
            iterable of chunks.

    Raises:
        InvalidValue: A grid would be too large, or the suffix is unknown.
        Occupied: Something exists that must not be replaced.
        Exhausted: The folder cannot be written to, or the disk is full.
    """
    check(path, count=count, is_any=is_any)
    if path.suffix == "":
        explained = functools.partial(files.explained, path)
        with folders.replacing(path, kind="images", explained=explained) as aside:
            yield functools.partial(_write_folder, aside, explained=explained)
        return
    write = _WRITERS[path.suffix]
    with files.output(path, overwrite=overwrite) as stream:
        yield functools.partial(write, stream, columns=columns)


def check_kind(path: pathlib.Path, *, noun: str) -> None:
    """Checks a path when it is known what is written, before anything is drawn.

    Args:
        path: The output.
        noun: "images" or "vectors".

    Raises:
        InvalidValue: It is that of the other kind.
    """
    if noun == "vectors" and path.suffix not in (".npy", ".csv"):
        raise errors.InvalidValue(
            "Vectors are written as NAME.npy or NAME.csv",
            received=f"--output={path}",
            do="Use for instance --output=samples.csv",
        )
    if noun == "images" and path.suffix == ".csv":
        raise _not_of_images(path)


def check(path: pathlib.Path, *, count: int, is_any: bool = False) -> None:
    """Checks a path before anything is drawn.

    Args:
        path: The output.
        count: The number of images.
        is_any: Whether they may be vectors.

    Raises:
        InvalidValue: A grid would be too large, or a folder's name is a file's.
    """
    if path.suffix == ".png" and count > MOST_IN_GRID:
        raise errors.InvalidValue(
            f"A PNG grid has at most {MOST_IN_GRID:,} images",
            received=f"{count:,} for {path}",
            do="Write an array (NAME.npy) or a folder (a name without a suffix)",
        )
    if path.suffix not in (".png", ".npy", "", *([".csv"] if is_any else [])):
        raise _not_of_images(path)
    if path.suffix == "" and path.is_file():
        raise errors.InvalidValue(
            "A folder cannot have the name of a file",
            received=f"--output={path}",
            do="Use another name",
        )


def _not_of_images(path: pathlib.Path) -> errors.InvalidValue:
    return errors.InvalidValue(
        "Images are written as NAME.png, NAME.npy or into a folder",
        received=f"--output={path}",
        do="Use one of the three forms",
    )


def _write_array(
    stream: BinaryIO, chunks: Iterable[np.ndarray], *, columns: int | None
) -> None:
    del columns
    np.save(stream, np.concatenate(list(chunks)))


def _write_table(
    stream: BinaryIO, chunks: Iterable[np.ndarray], *, columns: int | None
) -> None:
    del columns
    for chunk in chunks:
        np.savetxt(stream, chunk, fmt="%.9g", delimiter=",")


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


_WRITERS = {".npy": _write_array, ".csv": _write_table, ".png": _write_grid}
