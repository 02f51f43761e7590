# SPDX-License-Identifier: Apache-2.0
"""Rows of numbers that the user keeps in a file, whose density is to be learned."""

__all__ = ["Vectors"]

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.data import python_vectors, tables, vector_set
from glf_tf.datasets import dataset

_NAMES = tuple(
    f"{split}{ending}" for split in dataset.ALL_SPLITS for ending in ("", "_labels")
)
_SPLIT_SEED = 20200225


class Vectors(dataset.AbstractDataset):
    """The rows of `data_dir`, which is a table: a file NAME.npz, NAME.npy or NAME.csv.

    A NAME.npz has the arrays `train`, `test` and perhaps `validation`, `[size,
    event_dim]`, and perhaps labels `train_labels`, ... `[size]`. Of a file with one
    table, fixed random rows are held out for validation and for the test. `data_dir`
    may also be a folder with a file for each split, such as train.csv and test.csv.

    A CSV file has a row a line, numbers with a decimal point between commas,
    semicolons or tabs. Its first line may have the columns' names: words, or 0, 1, 2,
    ... as pandas writes where columns have none; any other line of numbers is a row.

    Args:
        paths: Its `data_dir` is the file or folder.
        label_column: Number of a table's column, from 1, that has the labels, -1 for
            the last one; 0 if none has.
        validation: Fraction of a single table, or of the training rows where there is
            no split for validation, that a run is validated on.
        test: Fraction of a single table that is the test split.
    """

    def __init__(
        self,
        paths: paths_lib.DataPaths,
        *,
        label_column: int = 0,
        validation: float = 0.1,
        test: float = 0.1,
    ):
        super().__init__(paths)
        self.label_column = label_column
        self._fractions = {"validation": validation, "test": test}
        if not (min(validation, test) > 0.0 and validation + test < 1.0):
            raise errors.InvalidValue(
                "The fractions of rows to hold out are positive, with a sum below 1",
                received=f"validation={validation}, test={test}",
                do="Use for instance 0.1 for both",
            )

    @property
    def splits(self) -> tuple[dataset.Split, ...]:
        """All three splits."""
        return dataset.ALL_SPLITS

    def load(self, split: dataset.Split) -> vector_set.VectorSet:
        """Returns one split: vectors float32 `[size, event_dim]`.

        Raises:
            NotFound: There is no such file.
            Damaged: It is truncated, or no table of numbers.
            InvalidType: Labels are no whole numbers, or not one a row.
            InvalidValue: A number is not finite, or there are too few rows, or no such
                column.
        """
        dataset.check_split(split, known=dataset.ALL_SPLITS)
        found = self._tables()
        if split != "train" and split in found:
            return self._made(found, split, of=split)
        missing = [name for name in self._fractions if name not in found]
        return self._made(found, split, of="train", kept=missing)

    def _made(
        self,
        found: dict[str, np.ndarray],
        split: dataset.Split,
        *,
        of: str,
        kept: Sequence[str] = (),
    ) -> vector_set.VectorSet:
        """Returns a split of one of the tables.

        Args:
            found: The arrays of the file or files.
            split: The split.
            of: The table.
            kept: The splits that are held out of it.
        """
        x, labels = found[of], found.get(f"{of}_labels")
        python_vectors.rows(x)  # refuses what is no table
        if self.label_column:
            x, labels = self._without_column(x, labels)
        whole = python_vectors.read(x, labels, name=self._path.stem, split=split)
        whole = dataclasses.replace(whole, source=str(self._path))
        return whole.select(self._rows(len(x), split, kept=kept)) if kept else whole

    def _rows(self, size: int, split: str, *, kept: Sequence[str]) -> np.ndarray:
        """Returns the indices of a split's rows, in their order."""
        counts = [max(1, round(self._fractions[name] * size)) for name in kept]
        if size <= sum(counts):
            raise errors.InvalidValue(
                "A table must have rows to train on beside those that are held out",
                received=f"{size} in {self._path}",
                do="Use a table with more rows",
            )
        # NumPy guarantees that RandomState's stream never changes; default_rng's may.
        order = np.random.RandomState(_SPLIT_SEED).permutation(size)
        parts = np.split(order, np.cumsum(counts))
        return np.sort(dict(zip([*kept, "train"], parts, strict=True))[split])

    def _without_column(
        self, x: np.ndarray, labels: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns a table without the column of labels, and that column."""
        place, columns = self.label_column, x.shape[1]
        place = place - 1 if place > 0 else columns + place
        if labels is not None or columns < 2 or not 0 <= place < columns:
            also = " and labels of their own" if labels is not None else ""
            raise errors.InvalidValue(
                "Labels are in one of two or more columns, or in an array of their own",
                received=f"label_column={self.label_column} for {columns} columns"
                f"{also} in {self._path}",
                do="Use a --dataset.label_column that there is, or 0",
            )
        return np.delete(x, place, axis=1), x[:, place]

    @property
    def _path(self) -> pathlib.Path:
        if self.paths.data_dir is None:
            raise errors.NotFound(
                "The data set `vectors` is a table, or a folder of tables",
                received=self.paths.received,
                do="Pass --data_dir=FILE.npz, FILE.npy or FILE.csv",
            )
        return self.paths.data_dir

    def _tables(self) -> dict[str, np.ndarray]:
        """Returns tables by split, "train" at least, and labels by their names."""
        path = self._path
        if path.is_dir():
            files = [file for file in sorted(path.iterdir()) if _is_ours(file)]
            names = [file.stem for file in files]
            if twice := [name for name in names if names.count(name) > 1]:
                raise errors.InvalidValue(
                    "A split has one file",
                    received=f"{names.count(twice[0])} of {twice[0]} in {path}",
                    do="Move the others away",
                )
            found = {file.stem: _one(file) for file in files}
        else:
            found = tables.read(path)
            if len(found) == 1:
                found = {"train": next(iter(found.values()))}
        unknown = [name for name in found if name not in _NAMES]
        if unknown or "train" not in found:
            raise errors.NotFound(
                "Several tables have the names train, test and perhaps validation, "
                "those of labels train_labels and so on; one table may have any",
                received=f"{', '.join(found) or 'no table'} in {path}",
                do="Rename them, or pass one table as --data_dir",
            )
        tables_of = {name: found[name] for name in dataset.ALL_SPLITS if name in found}
        _check_widths(tables_of, path=path)
        return found


def _check_widths(found: dict[str, np.ndarray], *, path: pathlib.Path) -> None:
    """Checks that the tables of all splits have as many columns.

    Raises:
        InvalidValue: They have not.
    """
    widths = {name: table.shape[-1] for name, table in found.items() if table.ndim == 2}
    if len(set(widths.values())) > 1:
        counts = ", ".join(f"{name} with {width}" for name, width in widths.items())
        raise errors.InvalidValue(
            "The tables of all splits must have the same columns",
            received=f"{counts} columns in {path}",
            do="Make them of the same columns, in the same order",
        )


def _is_ours(file: pathlib.Path) -> bool:
    return tables.is_table(file) and file.stem in _NAMES


def _one(file: pathlib.Path) -> np.ndarray:
    """Returns the one table of a file.

    Raises:
        InvalidValue: It has several.
    """
    found = tables.read(file)
    if len(found) > 1:
        raise errors.InvalidValue(
            "The file of a split has one table",
            received=f"{', '.join(found)} in {file}",
            do="Pass the file itself as --data_dir",
        )
    return next(iter(found.values()))
