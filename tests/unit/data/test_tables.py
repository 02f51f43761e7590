# SPDX-License-Identifier: Apache-2.0
import pickle

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import npy, python_vectors, tables

ROWS = [[1.0, -2.5], [3e2, 0.0], [-7.0, 4.0]]


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


CSV = {
    "commas": "1,-2.5\n3e2,0\n-7,4\n",
    "names": "height,width\n1,-2.5\n3e2,0\n-7,4\n",
    "semicolons": "1;-2.5\n3e2;0\n-7;4\n",
    "tabs": "a\tb\n1\t-2.5\n3e2\t0\n-7\t4",
    "spaces": " 1, -2.5\n 3e2, 0\n -7, 4 \n",
    "windows": "\ufeffa,b\r\n1,-2.5\r\n3e2,0\r\n-7,4\r\n",
    "quotes": '"a","b"\n"1","-2.5"\n"3e2","0"\n"-7","4"\n',
    "one_column": "x\n1\n2\n3\n",
    "numbers_as_names": "0,1\n1,-2.5\n3e2,0\n-7,4\n",
    "quoted_numbers_as_names": '"0";"1"\n1;-2.5\n3e2;0\n-7;4\n',
    "names_with_commas": "height, cm;width\n1;-2.5\n3e2;0\n-7;4\n",
}


@pytest.mark.parametrize("kind", CSV)
def test_text_is_read_as_rows(tmp_path, kind):
    found = tables.read(write(tmp_path / "x.csv", CSV[kind]))
    expected = [[1.0], [2.0], [3.0]] if kind == "one_column" else ROWS
    assert list(found) == [""]
    np.testing.assert_array_equal(found[""], expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, bool])
def test_arrays_are_read_as_they_are(tmp_path, dtype):
    rows = np.array([[0, 1], [1, 0]], dtype)
    np.save(tmp_path / "x.npy", rows)
    np.savez_compressed(tmp_path / "x.npz", train=rows, train_labels=rows[:, 0])
    np.testing.assert_array_equal(tables.read(tmp_path / "x.npy")[""], rows)
    found = tables.read(tmp_path / "x.npz")
    np.testing.assert_array_equal(found["train"], rows)
    np.testing.assert_array_equal(found["train_labels"], rows[:, 0])


BROKEN = {
    "text": ("x.csv", b"1,2\n3,red\n", "red"),
    "text_below_names": (
        "x.csv",
        b"a,b\n1,2\n\n3,red\n",
        "'red' in column 2 of line 4",
    ),
    "ragged": ("x.csv", b"1,2\n3\n", "1 columns in line 2, and 2 in line 1;"),
    "missing": ("x.csv", b"a,b\n1,2\n3,\n", "missing number in column 2 of line 3"),
    "nan": ("x.csv", b"a,b\n1,2\nnan,4\n", "'nan', .* in column 1 of line 3"),
    "too_large": ("x.csv", b"1,2\n3,1e39\n", "'1e39', .* in column 2 of line 2"),
    "decimal_commas": ("x.csv", b"1,5;2,5\n3;4\n", "'1,5', a decimal comma .* line 1"),
    "one_name": (
        "x.csv",
        b"x\n1,5\n2,25\n",
        "2 columns in line 2, and 1 in line 1 with",
    ),
    "one_number": ("x.csv", b"1,5\n-2,25\n", "two whole numbers a line .* name them"),
    "underscore": ("x.csv", b"1,5\n2,1_000\n", "'1_000' in column 2 of line 2"),
    "empty_line": ("x.csv", b"\n1,2\n", "empty first line"),
    "no_rows": ("x.csv", b"a,b\n", "no rows of numbers"),
    "empty": ("x.csv", b"", "no rows of numbers"),
    "missing_first": ("x.csv", b"1,\n2,3\n", "missing number in column 2 of line 1"),
    "text_first": ("x.csv", b"NA,1\n2,3\n", "NA"),
    "comments": ("x.csv", b"1,2 # c\n3,4 # c\n", "# c"),
    "index": ("x.csv", b",a,b\n0,1,2\n1,3,4\n", "index"),
    "index_of_numbers": ("x.csv", b",0,1\n0,1,2\n1,3,4\n", "index=False"),
    "no_text": ("x.csv", b"\xff\xfe\x00", "decode"),
    "empty_array": ("x.npy", b"", "empty file"),
    "no_array": ("x.npy", b"hello there", "not a NumPy array"),
    "no_zip": ("x.npz", b"PK\x03\x04rest", "zip"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, kind):
    name, data, told = BROKEN[kind]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(errors.Damaged, match=told) as error:
        tables.read(tmp_path / name)
    assert "\n" not in str(error.value)


def test_two_columns_of_whole_numbers_are_read_where_they_are_clear(tmp_path):
    for text in ("a,b\n1,5\n2,6\n", "1,5\n2,-6\n", "1.0,5\n2,6\n", "1;5\n2;6\n"):
        assert tables.read(write(tmp_path / "x.csv", text))[""].shape == (2, 2)


def test_a_column_more_than_names_is_read_where_it_is_known(tmp_path):
    """As in the archive of HEPMASS."""
    file = write(tmp_path / "x.csv", "a,b\n1,5,0\n2,6,0\n")
    with pytest.raises(errors.Damaged, match="3 columns in line 2, and 2 in line 1"):
        tables.read(file)
    assert tables.read(file, has_unnamed=True)[""].shape == (2, 3)


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(errors.Damaged, match="never unpickled"):
        tables.read(tmp_path / "x.npy")
    (tmp_path / "y.npy").write_bytes(pickle.dumps(ROWS))
    with pytest.raises(errors.Damaged):
        tables.read(tmp_path / "y.npy")


@pytest.mark.parametrize("shape", [(2, 3, 4), (0, 3), ()])
def test_other_shapes_are_refused(tmp_path, shape):
    np.save(tmp_path / "x.npy", np.ones(shape))
    with pytest.raises(errors.Damaged, match="the shape"):
        tables.read(tmp_path / "x.npy")


def test_unpacked_bytes_are_bounded_over_all_arrays(tmp_path, monkeypatch):
    rows = np.zeros([1000, 10])
    np.savez_compressed(tmp_path / "x.npz", a=rows, b=rows)
    monkeypatch.setattr(npy, "MAX_UNPACKED_BYTES", 100_000)
    with pytest.raises(errors.Damaged, match="at most 100,000"):
        tables.read(tmp_path / "x.npz")
    write(tmp_path / "x.csv", "1,2\n" * 30_000)
    with pytest.raises(errors.Damaged, match="more than 100,000"):
        tables.read(tmp_path / "x.csv")


def test_a_truncated_array_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.ones([100, 3]))
    data = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(data[:-100])
    with pytest.raises(errors.Damaged, match="bytes of values"):
        tables.read(tmp_path / "x.npy")


def test_a_missing_table_is_told(tmp_path):
    with pytest.raises(errors.NotFound, match="table must exist"):
        tables.read(tmp_path / "x.csv")


# What a user of Python passes.


def test_rows_of_python_become_float32():
    for given in (ROWS, np.array(ROWS), np.array(ROWS, np.float16), np.array([[1, 2]])):
        found = python_vectors.read(given)
        assert found.vectors.dtype == np.float32
        np.testing.assert_allclose(found.vectors, np.asarray(given, np.float32))


WRONG = {
    "text": ([["a", "b"]], None, errors.InvalidType, "real numbers"),
    "ragged": ([[1.0], [1.0, 2.0]], None, errors.InvalidType, "unequal"),
    "complex": (np.ones([2, 2], complex), None, errors.InvalidType, "complex128"),
    "masked": (
        np.ma.masked_equal(np.array(ROWS), 0.0),
        None,
        errors.InvalidType,
        "mask would be lost",
    ),
    "rank": (np.ones([4]), None, errors.InvalidValue, r"shape \(4,\)"),
    "nan": ([[1.0], [np.nan]], None, errors.InvalidValue, "first at index 1"),
    "too_large": ([[1.0], [1e300]], None, errors.InvalidValue, "finite in float32"),
    "far_from_0": (
        1e6 + 0.01 * np.arange(9.0)[:, None],
        None,
        errors.InvalidValue,
        "a mean of 1e",
    ),
    "nothing": (np.ones([0, 2]), None, errors.InvalidValue, "at least one"),
    "labels": (ROWS, [0.5, 1, 2], errors.InvalidType, "whole numbers"),
    "few_labels": (ROWS, [0, 1], errors.InvalidType, "3 vectors"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_are_no_rows_is_refused(kind):
    x, y, error, told = WRONG[kind]
    with pytest.raises(error, match=told):
        python_vectors.read(x, y)
