# SPDX-License-Identifier: Apache-2.0
"""Promises that every data set of vectors keeps: a new one is a line in `CASES`."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from glf_tf import catalogue, errors
from glf_tf.data import paths as paths_lib
from glf_tf.data import vector_set
from glf_tf.datasets import held_out as held_out_lib
from tests import samples


@dataclasses.dataclass(frozen=True)
class Case:
    """What to expect of a data set.

    Attributes:
        event_dim: The number of coordinates.
        write: Writes a tiny copy in a folder, and returns the `data_dir`; None where
            the set needs no files.
        title: What it calls itself, if not by its name.
    """

    event_dim: int
    write: Callable[[pathlib.Path], pathlib.Path] | None
    title: str = ""


def table(folder: pathlib.Path) -> pathlib.Path:
    rows = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    np.save(folder / "table.npy", rows)
    return folder / "table.npy"


def below(write: Callable[[pathlib.Path], None]) -> Callable:
    """Writes a set, of which the folder is the `data_dir`."""

    def written(folder: pathlib.Path) -> pathlib.Path:
        write(folder)
        return folder

    return written


CASES = {
    "vectors": Case(3, table, title="table"),
    "toy": Case(2, None, title="two_moons"),
    "principal_components": Case(16, None, title="principal components of digits"),
    "power": Case(6, below(samples.write_power)),
    "gas": Case(8, below(samples.write_gas)),
    "hepmass": Case(21, below(samples.write_hepmass)),
    "miniboone": Case(43, below(samples.write_miniboone)),
    "bsds300": Case(63, below(samples.write_bsds300)),
}

every = pytest.mark.parametrize("name", sorted(CASES))


@pytest.fixture(scope="module")
def data_dirs(tmp_path_factory) -> dict[str, pathlib.Path | None]:
    return {
        name: case.write(tmp_path_factory.mktemp(name)) if case.write else None
        for name, case in CASES.items()
    }


def made(name: str, data_dirs: dict):
    paths = paths_lib.DataPaths(data_dir=data_dirs[name])
    return catalogue.build("dataset", name, paths=paths)


def load(name: str, split: str, data_dirs: dict) -> vector_set.VectorSet:
    return made(name, data_dirs).load(split)


@every
def test_vectors_are_finite_float32_of_the_documented_size(name, data_dirs):
    for split in made(name, data_dirs).splits:
        found = load(name, split, data_dirs)
        assert isinstance(found, vector_set.VectorSet)
        assert (found.name, found.split) == (CASES[name].title or name, split)
        assert found.vectors.dtype == np.float32
        assert found.event_dim == CASES[name].event_dim
        assert np.isfinite(found.vectors).all()


@every
def test_loading_twice_gives_the_same(name, data_dirs):
    for split in made(name, data_dirs).splits:
        first, second = (load(name, split, data_dirs) for _ in range(2))
        assert first.identity == second.identity


@every
def test_splits_have_no_row_in_common(name, data_dirs):
    splits = made(name, data_dirs).splits
    sets = [load(name, split, data_dirs) for split in splits]
    rows = [row.tobytes() for found in sets for row in found.vectors]
    assert len(set(rows)) == len(rows)


@every
def test_an_unknown_split_is_refused(name, data_dirs):
    with pytest.raises(errors.InvalidValue, match="`split` must be"):
        load(name, "tset", data_dirs)


@every
def test_a_run_is_validated_on_rows_that_are_held_out(name, data_dirs):
    found = made(name, data_dirs)
    train, held_out = found.load_for_training()
    assert (train.split, held_out.split) == ("train", found.splits[1])
    held_out_of = held_out_lib.HeldOut(found.paths, dataset=found, count=5)
    if "validation" not in found.splits:
        assert len(held_out_of.load_for_training()[1]) == 5
