# SPDX-License-Identifier: Apache-2.0
"""Loads a split of a data set that is distributed as the four IDX files of MNIST."""

__all__ = ["source"]

import functools
import pathlib

import numpy as np

from glf_tf.data import dataset, idx, image_set, sources

_PREFIX = {"train": "train", "test": "t10k"}
_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")


def source(
    name: str, split: dataset.Split, *, folder: pathlib.Path | str
) -> sources.Source:
    """Returns a folder that may hold the four files, under any of their usual names.

    These are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same with
    `t10k`, also with a dot for the last hyphen but one, also with `.gz`.
    """
    folder = pathlib.Path(folder)
    load = functools.partial(_load, name, split, folder=folder)
    return sources.Source(f"{folder} (IDX files)", load)


def _load(
    name: str, split: dataset.Split, *, folder: pathlib.Path
) -> image_set.ImageSet | None:
    found = {
        (part, kind): _find(folder, f"{_PREFIX[part]}-{kind}")
        for part in _PREFIX
        for kind in _KINDS
    }
    if not any(found.values()):
        return None
    for kind in _KINDS:
        if found[split, kind] is None:
            raise sources.missing_file(name, folder / f"{_PREFIX[split]}-{kind}.gz")
    images, labels = (found[split, kind] for kind in _KINDS)
    return image_set.ImageSet(
        name=name,
        split=split,
        images=idx.read(images, rank=3)[..., np.newaxis],
        labels=idx.read(labels, rank=1).astype(np.int64),
        source=str(folder),
    )


def _find(folder: pathlib.Path, stem: str) -> pathlib.Path | None:
    for name in (stem, stem.replace("-idx", ".idx")):
        for file in (folder / f"{name}.gz", folder / name):
            if file.is_file():
                return file
    return None
