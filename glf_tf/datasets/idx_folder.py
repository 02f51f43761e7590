# SPDX-License-Identifier: Apache-2.0
"""Loads a split of a data set that is distributed as the four IDX files of MNIST."""

__all__ = ["source"]

import functools
import pathlib

import numpy as np

from glf_tf import errors
from glf_tf.data import idx, image_set
from glf_tf.datasets import dataset, sources

_PREFIX = {"train": "train", "test": "t10k"}
_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")
_FIRST_LABELS = {
    "mnist": {"train": "5041921314", "test": "7210414959"},
    "fashion_mnist": {"train": "9003027255", "test": "9211614657"},
}
"""First labels of the sets, whose files have the same names and are easily confused."""


def source(
    name: str, split: dataset.Split, *, folder: pathlib.Path | str
) -> sources.Source:
    """Returns the source of a folder with the four files, under their usual names.

    These are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same with
    `t10k`, optionally with a dot in place of the second hyphen, and with `.gz`.
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
    images, labels = (
        idx.read(found[split, kind], rank=rank)
        for kind, rank in zip(_KINDS, (3, 1), strict=True)
    )
    _check_is(name, split, labels=labels, folder=folder)
    return image_set.ImageSet(
        name=name,
        split=split,
        images=images[..., np.newaxis],
        labels=labels.astype(np.int64),
        source=str(folder),
    )


def _check_is(
    name: str, split: dataset.Split, *, labels: np.ndarray, folder: pathlib.Path
) -> None:
    """Refuses the files of another known set."""
    start = "".join(map(str, labels[:10]))
    for other, first_labels in _FIRST_LABELS.items():
        if other != name and start == first_labels[split]:
            raise errors.InvalidValue(
                f"The folder must hold the files of {name}",
                received=f"{folder}, which holds those of {other}",
                do=f"Pass the folder of {name}, or --dataset={other}",
            )


def _find(folder: pathlib.Path, stem: str) -> pathlib.Path | None:
    for name in (stem, stem.replace("-idx", ".idx")):
        for file in (folder / f"{name}.gz", folder / name):
            if file.is_file():
                return file
    return None
