# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import arrays, folder, power, vectors

SPLITS = ("train", "validation", "test")
ROWS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


def made(path, **options):
    return vectors.Vectors(paths_lib.DataPaths(data_dir=path), **options)


def place_of(row):
    return np.flatnonzero((row == ROWS).all(axis=1))[0]


def test_a_single_table_is_divided_at_random(tmp_path):
    np.save(tmp_path / "heights.npy", ROWS)
    data = made(tmp_path / "heights.npy", validation=0.2, test=0.1)
    found = {split: data.load(split) for split in SPLITS}
    assert [len(found[split]) for split in SPLITS] == [35, 10, 5]
    together = np.concatenate([found[split].vectors for split in SPLITS])
    order = np.lexsort
    np.testing.assert_array_equal(together[order(together.T)], ROWS[order(ROWS.T)])
    assert found["train"].name == "heights"
    # At random, and in the file's order.
    places = [place_of(row) for row in found["test"].vectors]
    assert places == sorted(places)
    assert places != list(range(45, 50))


@pytest.mark.parametrize("suffix", [".npz", ".csv", "folder"])
def test_given_splits_are_kept(tmp_path, suffix):
    parts = {"train": ROWS[:30], "validation": ROWS[30:40], "test": ROWS[40:]}
    if suffix == ".npz":
        path = tmp_path / "all.npz"
        np.savez(path, **parts)
    else:
        path = tmp_path / "tables"
        path.mkdir()
        for name, rows in parts.items():
            file = path / f"{name}{'.csv' if suffix == '.csv' else '.npy'}"
            (np.savetxt if suffix == ".csv" else lambda f, r, **_: np.save(f, r))(
                file, rows, delimiter=","
            )
    for split, rows in parts.items():
        np.testing.assert_allclose(made(path).load(split).vectors, rows, rtol=1e-6)


def test_what_is_missing_is_held_out_of_the_training_rows(tmp_path):
    np.savez(tmp_path / "x.npz", train=ROWS[:40], test=ROWS[40:])
    data = made(tmp_path / "x.npz", validation=0.25)
    assert [len(data.load(split)) for split in SPLITS] == [30, 10, 10]
    np.testing.assert_array_equal(data.load("test").vectors, ROWS[40:])


@pytest.mark.parametrize("column", [-1, 4])
def test_labels_may_be_a_column(tmp_path, column):
    labels = np.arange(50) % 3
    np.save(tmp_path / "x.npy", np.c_[ROWS, labels])
    found = made(tmp_path / "x.npy", label_column=column).load("train")
    assert found.event_dim == 3
    assert found.labels.dtype == np.int64
    assert found.labels[5] == labels[place_of(found.vectors[5])]


def test_labels_may_have_an_array_of_their_own(tmp_path):
    labels = np.arange(50) % 3
    np.savez(tmp_path / "x.npz", train=ROWS, test=ROWS[:9], train_labels=labels)
    found = made(tmp_path / "x.npz").load("train")
    assert found.labels is not None
    assert len(found.labels) == len(found)
    assert made(tmp_path / "x.npz").load("test").labels is None


WRONG = {
    "column": ({"x": ROWS}, {"label_column": 5}, errors.InvalidValue, "label_column=5"),
    "fractional": (
        {"x": ROWS},
        {"label_column": 1},
        errors.InvalidType,
        "whole numbers",
    ),
    "names": ({"x": ROWS, "y": ROWS}, {}, errors.NotFound, "x, y"),
    "few": ({"x": ROWS[:2]}, {}, errors.InvalidValue, "rows to train on"),
    "sizes": (
        {"train": ROWS, "train_labels": np.arange(3)},
        {},
        errors.InvalidType,
        "50 vectors",
    ),
    "nan": ({"x": np.full([9, 2], np.nan)}, {}, errors.InvalidValue, "NaN"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_bad_tables_are_refused_in_one_line(tmp_path, kind):
    arrays, options, error, told = WRONG[kind]
    options = (
        {"label_column": options.pop("labels")} if "labels" in options else options
    )
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(error, match=told) as raised:
        made(tmp_path / "x.npz", **options).load("train")
    assert "\n" not in str(raised.value)


def test_no_data_dir_is_told():
    with pytest.raises(errors.NotFound, match="no --data_dir"):
        vectors.Vectors(paths_lib.DataPaths()).load("train")


def test_two_files_of_a_split_are_refused(tmp_path):
    np.save(tmp_path / "train.npy", ROWS)
    np.savetxt(tmp_path / "train.csv", ROWS, delimiter=",")
    with pytest.raises(errors.InvalidValue, match="2 of train"):
        made(tmp_path).load("train")


@pytest.mark.parametrize(
    "bad",
    [{"validation": float("nan")}, {"validation": 0.0}, {"test": -0.1}, {"test": 0.95}],
)
def test_bad_fractions_are_refused(bad):
    with pytest.raises(errors.InvalidValue, match="fractions"):
        vectors.Vectors(paths_lib.DataPaths(), **bad)


MISSING = {
    "table.csv": "table.csv (no such file). Check the path",
    "folder": "folder (no such folder). Make the folder",
    "notes.txt": "notes.txt (a file of another name). Pass its folder",
}


@pytest.mark.parametrize("name", MISSING)
def test_a_path_that_is_not_there_is_told(tmp_path, name):
    (tmp_path / "notes.txt").write_text("1,2\n")
    with pytest.raises(errors.NotFound) as error:
        paths_lib.DataPaths(data_dir=tmp_path / name)
    assert MISSING[name] in str(error.value)


@pytest.mark.parametrize("kind", [power.Power, arrays.Arrays, folder.Folder])
def test_a_table_is_no_folder_of_files_and_is_told(tmp_path, kind):
    np.save(tmp_path / "x.npy", ROWS)
    for given, told in ((tmp_path / "x.npy", r"npy \(a file\)"), (None, "no --data_")):
        with pytest.raises(errors.NotFound, match=told):
            kind(paths_lib.DataPaths(data_dir=given)).load("train")


def test_splits_of_other_columns_are_refused(tmp_path):
    draws = np.random.default_rng(0)
    tables = {"train": draws.normal(size=(50, 3)), "test": draws.normal(size=(20, 2))}
    np.savez(tmp_path / "mine.npz", **tables)
    paths = paths_lib.DataPaths(data_dir=tmp_path / "mine.npz")
    with pytest.raises(errors.InvalidValue, match="train with 3, test with 2 columns"):
        vectors.Vectors(paths).load("train")
