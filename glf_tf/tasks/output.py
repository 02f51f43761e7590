# SPDX-License-Identifier: Apache-2.0
"""Writes images where a path's form says: a PNG grid, an array, or a folder of PNGs."""

__all__ = ["write", "check"]

import pathlib
from collections.abc import Iterable

import numpy as np

from glf_tf import errors
from glf_tf.tasks import pictures

MOST_IN_GRID = 10_000
"""Images that a PNG grid may have."""


def write(
    path: pathlib.Path, chunks: Iterable[np.ndarray], *, columns: int | None = None
) -> None:
    """Writes images.

    Args:
        path: `NAME.png` for one grid, `NAME.npy` for a float32 array
            `[n, height, width, channels]` in [0, 1], any other name for a folder of
            `00000.png`, `00001.png`, ...
        chunks: Images `[some, height, width, channels]` in [0, 1]; a folder is written
            as they come.
        columns: Images a row of a grid.
    """
    if path.suffix not in (".png", ".npy"):
        _write_folder(path, chunks)
        return
    images = np.concatenate(list(chunks))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, images)
    else:
        pictures.save(path, pictures.grid(images, columns=columns))


def check(path: pathlib.Path, *, count: int) -> None:
    """Checks a path before anything is drawn.

    Raises:
        InvalidValue: A grid would be too large, or a folder's name is a file's.
    """
    if path.suffix == ".png" and count > MOST_IN_GRID:
        raise errors.InvalidValue(
            f"A PNG grid has at most {MOST_IN_GRID:,} images",
            received=f"{count:,} for {path}",
            do="Write an array (NAME.npy) or a folder (a name without an ending)",
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


def _write_folder(folder: pathlib.Path, chunks: Iterable[np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    index = 0
    for chunk in chunks:
        for image in pictures.to_uint8(chunk):
            pictures.save(folder / f"{index:05d}.png", image)
            index += 1
