# SPDX-License-Identifier: Apache-2.0
"""What the five sets of the density literature share: one archive, three splits.

Papamakarios, Pavlakou, Murray: Masked Autoregressive Flow for Density Estimation, 2017,
appendix D, and its released code, whose preprocessing this is. Their archive is
`data.tar.gz` of https://zenodo.org/record/1161203. https://arxiv.org/abs/1705.07057
"""

__all__ = [
    *("AbstractArchived", "Splits"),
    *("in_tenths", "last_tenth", "read", "standardized"),
]

import abc
import pathlib
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.data import python_vectors, tables, vector_set
from glf_tf.datasets import dataset

Splits = Mapping[dataset.Split, np.ndarray]
"""Rows of numbers `[size, columns]` of each split."""


class AbstractArchived(dataset.AbstractDataset):
    """A set of the archive, whose splits are prepared together and kept.

    Attributes:
        set_name: The set's name.
        files: Its files in the archive.
        event_dim: Number of coordinates of what is prepared.
    """

    set_name: ClassVar[str]
    files: ClassVar[tuple[str, ...]]
    event_dim: ClassVar[int]

    def __init__(self, paths: paths_lib.DataPaths):
        super().__init__(paths)
        self._prepared: Splits | None = None

    @property
    def splits(self) -> tuple[dataset.Split, ...]:
        """All three splits."""
        return dataset.ALL_SPLITS

    @abc.abstractmethod
    def _prepare(self, *files: pathlib.Path) -> Splits:
        """Returns the prepared splits of `files`, which exist."""

    def load(self, split: dataset.Split) -> vector_set.VectorSet:
        """Returns one split: vectors float32 `[size, event_dim]`, no labels.

        Raises:
            NotFound: The files are not in `data_dir`.
            Damaged: They are truncated, or not those of the archive.
        """
        dataset.check_split(split, known=dataset.ALL_SPLITS)
        files = self._found()
        if self._prepared is None:
            made = self._prepare(*files)
            self._check(made["train"].shape[1], files)
            self._prepared = {
                name: python_vectors.rows(rows) for name, rows in made.items()
            }
        return vector_set.VectorSet(
            name=self.set_name,
            split=split,
            vectors=self._prepared[split],
            source=str(files[0].parent),
        )

    def _check(self, columns: int, files: list[pathlib.Path]) -> None:
        if columns != self.event_dim:
            raise errors.Damaged(
                f"The archive's {self.set_name} has {self.event_dim} coordinates",
                received=f"{columns} from {files[0]}",
                do="Unpack the archive again, and change nothing in it",
            )

    def _found(self) -> list[pathlib.Path]:
        """Returns the files, from the first folder that has one of them."""
        folders = self.paths.folders("data")
        for folder in folders:
            files = [folder / name for name in self.files]
            there = [file for file in files if file.is_file()]
            if len(there) == len(files):
                return files
            if there:
                raise self._missing(", ".join(map(str, there)) + " alone")
            self._refuse_other_forms(folder)
        places = ", ".join(map(str, folders))
        raise self._missing(f"nothing in {places}" if places else self.paths.received)

    def _missing(self, received: str) -> errors.NotFound:
        return errors.NotFound(
            f"The set {self.set_name} is {' and '.join(self.files)} of data.tar.gz "
            "from https://zenodo.org/record/1161203",
            received=received,
            do="Unpack it by `tar -xzf data.tar.gz`, and pass --data_dir=FOLDER, where "
            "it was unpacked",
        )

    def _refuse_other_forms(self, folder: pathlib.Path) -> None:
        """Raises an error if the set is there in a form that cannot be read."""


def read(file: pathlib.Path, *, columns: int) -> np.ndarray:
    """Returns the table in a file, `[size, at least columns]`.

    Raises:
        NotFound: There is no such file.
        Damaged: It is truncated, or has fewer columns.
    """
    found = next(iter(tables.read(file, has_unnamed=True).values()))
    if found.ndim != 2 or found.shape[1] < columns:
        raise errors.Damaged(
            f"The archive's {file.name} has rows of {columns} numbers",
            received=f"the shape {found.shape} in {file}",
            do="Unpack the archive again",
        )
    return found


def in_tenths(rows: np.ndarray) -> dict[dataset.Split, np.ndarray]:
    """Returns splits: the last tenth is the test, the last of the rest validation."""
    rest, test = last_tenth(rows)
    train, validation = last_tenth(rest)
    return {"train": train, "validation": validation, "test": test}


def last_tenth(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first nine tenths of rows, and the last.

    Raises:
        Damaged: There are fewer than ten.
    """
    count = len(rows) // 10
    if not count:
        raise errors.Damaged(
            "A tenth of the archive's rows is held out",
            received=f"{len(rows)} rows",
            do="Unpack the archive again",
        )
    return rows[:-count], rows[-count:]


def standardized(splits: Splits) -> dict[dataset.Split, np.ndarray]:
    """Returns splits, of which training and validation have mean 0 and deviation 1."""
    known = np.concatenate([splits["train"], splits["validation"]])
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    return {name: (rows - mean) / deviation for name, rows in splits.items()}
