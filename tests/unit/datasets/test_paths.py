# SPDX-License-Identifier: Apache-2.0
import pathlib

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits, fashion_mnist
from tests import samples


def test_missing_data_dir_is_refused(tmp_path):
    with pytest.raises(errors.NotFound, match="no such folder"):
        paths_lib.DataPaths(data_dir=tmp_path / "nowhere")


def test_file_as_data_dir_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(errors.NotFound, match="a file"):
        paths_lib.DataPaths(data_dir=tmp_path / "file")


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    paths = paths_lib.DataPaths(data_dir="~")
    assert paths.data_dir == tmp_path
    assert paths.cache_dir == tmp_path / ".cache" / "glf_tf"


def test_own_folders_come_before_data_dir(tmp_path):
    folders = paths_lib.DataPaths(data_dir=tmp_path).folders("b", "a")
    assert folders == [tmp_path / "b", tmp_path / "a", tmp_path]
    assert paths_lib.DataPaths().folders("a") == []


def test_debian_package_is_a_source_of_fashion_mnist(tmp_path):
    (debian,) = fashion_mnist.FashionMnist.other_folders
    samples.write_idx(pathlib.Path(debian))
    found = fashion_mnist.FashionMnist(paths_lib.DataPaths()).load("test")
    assert found.source == debian


def test_message_names_debian_package():
    with pytest.raises(errors.NotFound, match="apt-get install dataset-fashion-mnist"):
        fashion_mnist.FashionMnist(paths_lib.DataPaths()).load("test")


def test_digits_are_all_there_in_equal_parts():
    train, test = (
        digits.Digits(paths_lib.DataPaths()).load(s) for s in ("train", "test")
    )
    assert (len(train), len(test)) == (1433, 364)
    share = np.bincount(test.labels) / np.bincount([*train.labels, *test.labels])
    # A fifth of about 180 images, rounded up.
    np.testing.assert_allclose(share, 0.2, atol=0.005)


def test_digits_do_not_change():
    """The split decides every number ever measured on it."""
    train, test = (
        digits.Digits(paths_lib.DataPaths()).load(s) for s in ("train", "test")
    )
    assert (train.digest, test.digest) == ("f1e2d8a37a0660d2", "7010cdc30b784318")


def test_digits_span_all_values():
    images = digits.Digits(paths_lib.DataPaths()).load("train").images
    steps = np.round(np.arange(17) * 255 / 16)
    np.testing.assert_array_equal(np.unique(images), steps)


@pytest.mark.real_data
@pytest.mark.skipif(
    not pathlib.Path("/usr/share/datasets/fashion-mnist").is_dir(),
    reason="Debian's package dataset-fashion-mnist is not installed",
)
@pytest.mark.parametrize(("split", "size"), [("train", 60_000), ("test", 10_000)])
def test_real_fashion_mnist(split, size):
    found = fashion_mnist.FashionMnist(paths_lib.DataPaths()).load(split)
    assert found.images.shape == (size, 28, 28, 1)
    np.testing.assert_array_equal(np.bincount(found.labels), np.full(10, size // 10))
    assert abs(found.images.mean() / 255 - 0.286) < 1e-3
