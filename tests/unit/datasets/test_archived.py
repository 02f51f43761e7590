# SPDX-License-Identifier: Apache-2.0
"""The five sets of the density literature, from small files in their formats."""

import os
import pickle

import h5py
import numpy as np
import pytest

from glf_tf import catalogue, errors
from glf_tf.data import paths as paths_lib
from tests import samples

NAMES = ("power", "gas", "hepmass", "miniboone", "bsds300")

every = pytest.mark.parametrize("name", NAMES)


def build(name, data_dir):
    return catalogue.build("dataset", name, paths=paths_lib.DataPaths(data_dir))


def loaded(name, data_dir):
    """The three splits, float32."""
    made = build(name, data_dir)
    return [made.load(split).vectors for split in made.splits]


@every
def test_folder_of_the_archive_or_above_it(name, tmp_path):
    samples.WRITE_ARCHIVED[name](tmp_path / "data")
    above, inside = (build(name, d).load("test") for d in (tmp_path, tmp_path / "data"))
    assert above.digest == inside.digest


def test_power_has_the_numbers_of_the_released_code(tmp_path):
    samples.write_power(tmp_path)
    rows = np.load(tmp_path / "power" / "data.npy").astype(np.float64)
    random = np.random.RandomState(42)
    random.shuffle(rows)
    rows = rows[:, [0, 2, 4, 5, 6, 7]]
    voltage, power = 0.01 * random.rand(len(rows), 1), 0.001 * random.rand(len(rows), 1)
    meters, time = random.rand(len(rows), 3), np.zeros([len(rows), 1])
    rows += np.hstack([power, voltage, meters, time])
    known = rows[:-40]
    rows = (rows - known.mean(axis=0)) / known.std(axis=0)
    for found, expected in zip(
        loaded("power", tmp_path), (rows[:324], rows[324:360], rows[360:]), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_gas_leaves_sensors_out_that_are_nearly_others(tmp_path):
    samples.write_gas(tmp_path)
    raw = np.load(tmp_path / "gas" / "ethylene_CO.npy")
    # In pairs, of which the first is left out.
    rows = raw[:, 1::2]
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1)
    train, validation, test = loaded("gas", tmp_path)
    np.testing.assert_allclose(train, rows[:324], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(validation, rows[324:360], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(test, rows[360:], rtol=1e-5, atol=1e-5)


def test_gas_is_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "opened"),))

    (tmp_path / "gas").mkdir()
    file = tmp_path / "gas" / "ethylene_CO.pickle"
    file.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(errors.NotFound, match="pickle could run any program") as caught:
        build("gas", tmp_path).load("train")
    assert "numpy.save('ethylene_CO.npy'" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "opened").exists()


def test_hepmass_keeps_class_one_and_columns_that_vary(tmp_path):
    samples.write_hepmass(tmp_path)
    raw = np.loadtxt(tmp_path / "hepmass" / "1000_train.csv", delimiter=",", skiprows=1)
    rows = raw[raw[:, 0] == 1, 1:]
    mean, deviation = rows.mean(axis=0), rows.std(axis=0, ddof=1)
    # The last six columns of the samples are of few values.
    expected = ((rows - mean) / deviation)[:, :21]
    train, validation, test = loaded("hepmass", tmp_path)
    both = np.concatenate([train, validation])
    np.testing.assert_allclose(both, expected, rtol=1e-5, atol=1e-5)
    assert len(validation) == len(rows) // 10
    raw = np.loadtxt(tmp_path / "hepmass" / "1000_test.csv", delimiter=",", skiprows=1)
    rows = raw[raw[:, 0] == 1, 1:22]
    expected = (rows - mean[:21]) / deviation[:21]
    np.testing.assert_allclose(test, expected, rtol=1e-5, atol=1e-5)


def test_miniboone_is_standardised_by_what_is_not_the_test(tmp_path):
    samples.write_miniboone(tmp_path)
    train, validation, test = loaded("miniboone", tmp_path)
    known = np.concatenate([train, validation])
    np.testing.assert_allclose(known.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(known.std(axis=0), 1.0, rtol=1e-5)
    assert abs(test.mean()) > 1e-3
    raw = np.load(tmp_path / "miniboone" / "data.npy")
    order = np.argsort(raw[:, 7])
    np.testing.assert_array_equal(
        np.argsort(np.concatenate([known, test])[:, 7]), order
    )


def test_bsds300_is_as_it_is(tmp_path):
    samples.write_bsds300(tmp_path)
    with h5py.File(tmp_path / "BSDS300" / "BSDS300.hdf5") as stream:
        expected = [stream[split][:] for split in ("train", "validation", "test")]
    for found, rows in zip(loaded("bsds300", tmp_path), expected, strict=True):
        np.testing.assert_array_equal(found, rows.astype(np.float32))


@every
def test_missing_files_are_told_in_one_line(name, tmp_path):
    for paths in (paths_lib.DataPaths(), paths_lib.DataPaths(tmp_path)):
        with pytest.raises(errors.NotFound, match="zenodo") as caught:
            catalogue.build("dataset", name, paths=paths).load("train")
        assert "--data_dir" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_one_of_two_files_is_not_enough(tmp_path):
    samples.write_hepmass(tmp_path)
    (tmp_path / "hepmass" / "1000_test.csv").unlink()
    with pytest.raises(errors.NotFound, match=r"1000_train\.csv alone"):
        build("hepmass", tmp_path).load("train")


@every
def test_truncated_files_are_refused(name, tmp_path):
    samples.WRITE_ARCHIVED[name](tmp_path)
    file = tmp_path / build(name, tmp_path).files[0]
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2 - 3])
    with pytest.raises(errors.Damaged) as caught:
        build(name, tmp_path).load("train")
    assert str(file) in str(caught.value)


@every
def test_tables_of_another_width_are_refused(name, tmp_path):
    samples.WRITE_ARCHIVED[name](tmp_path)
    file = tmp_path / build(name, tmp_path).files[0]
    rows = np.random.default_rng(0).normal(size=(60, 5))
    if file.suffix == ".hdf5":
        with h5py.File(file, "w") as stream:
            for split in ("train", "validation", "test"):
                stream[split] = rows
    elif file.suffix == ".csv":
        np.savetxt(file, rows, delimiter=",")
    else:
        np.save(file, rows)
    with pytest.raises(errors.Damaged):
        build(name, tmp_path).load("train")


def test_tables_of_hdf5_may_not_be_in_other_files(tmp_path):
    samples.write_bsds300(tmp_path)
    (tmp_path / "values").write_bytes(bytes(63 * 8 * 40))
    with h5py.File(tmp_path / "BSDS300" / "BSDS300.hdf5", "a") as stream:
        del stream["train"]
        outside = [(str(tmp_path / "values"), 0, 63 * 8 * 40)]
        stream.create_dataset("train", (40, 63), np.float64, external=outside)
    with pytest.raises(errors.Damaged, match="no table of its own"):
        build("bsds300", tmp_path).load("train")


def test_too_few_rows_are_refused(tmp_path):
    (tmp_path / "miniboone").mkdir()
    np.save(tmp_path / "miniboone" / "data.npy", np.zeros([9, 43]))
    with pytest.raises(errors.Damaged, match="9 rows"):
        build("miniboone", tmp_path).load("train")
