# SPDX-License-Identifier: Apache-2.0
import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import idx
from glf_tf.datasets import mnist
from tests import samples

VALUES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_values_come_back(tmp_path, pack):
    file = tmp_path / "file"
    file.write_bytes(pack(samples.idx_bytes(VALUES)))
    np.testing.assert_array_equal(idx.read(file, rank=3), VALUES)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda data: b"\x89PNG" + data[4:], "magic"),
        (lambda data: b"", "magic"),
        (lambda data: data[:3] + b"\x01" + data[4:], "rank 3"),
        (lambda data: data[:10], "header of 16"),
        (lambda data: data[:-1], "23 bytes of values"),
        (lambda data: data + b"\0", "more than 24 bytes of values"),
        (lambda data: gzip.compress(data)[:-9], "gzip"),
        (lambda data: gzip.compress(data)[:12] + b"broken" * 9, "gzip|magic"),
        (lambda data: gzip.compress(data)[:10] + b"\xff" * 50, "gzip"),
        (lambda data: gzip.compress(data)[:-8] + b"\0" * 8, "gzip"),
    ],
)
def test_damaged_file_is_named(tmp_path, damage, word):
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(damage(samples.idx_bytes(VALUES)))
    with pytest.raises(errors.Damaged, match=word) as caught:
        idx.read(file, rank=3)
    assert str(file) in str(caught.value)


def test_what_a_header_promises_is_bounded(tmp_path):
    """Three gigabytes in three megabytes, and a header of terabytes."""
    file = tmp_path / "bomb"
    for shape in ((3 * 2**20, 32, 32), (2**32 - 1, 2**31, 4)):
        header = b"\0\0\x08\x03" + struct.pack(">3I", *shape)
        file.write_bytes(gzip.compress(header + bytes(10**6)))
        with pytest.raises(errors.Damaged, match="at most 1,073,741,824 bytes"):
            idx.read(file, rank=3)


def test_no_more_is_unpacked_than_the_header_states(tmp_path):
    file = tmp_path / "bomb"
    file.write_bytes(gzip.compress(samples.idx_bytes(VALUES) + bytes(10**8)))
    tracemalloc.start()
    with pytest.raises(errors.Damaged, match="more than 24"):
        idx.read(file, rank=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**7


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", ["", "mnist", "MNIST/raw"])
def test_files_are_found_under_their_usual_names(paths, dotted, packed, folder):
    samples.write_idx(paths.data_dir / folder, dotted=dotted, packed=packed)
    found = mnist.Mnist(paths).load("test")
    np.testing.assert_array_equal(
        found.images[..., 0], samples.pixels("test", (28, 28))
    )
    np.testing.assert_array_equal(found.labels, samples.labels("test"))
    assert found.source == str(paths.data_dir / folder)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("kind", ["images-idx3-ubyte", "labels-idx1-ubyte"])
def test_missing_file_is_named(paths, split, kind):
    samples.write_idx(paths.data_dir)
    name = f"{'train' if split == 'train' else 't10k'}-{kind}.gz"
    (paths.data_dir / name).unlink()
    with pytest.raises(errors.NotFound, match=f"without {name}"):
        mnist.Mnist(paths).load(split)


def test_missing_split_is_not_taken_from_elsewhere(paths):
    samples.write_idx(paths.data_dir)
    samples.write_tfds("mnist", paths.data_dir)
    for file in paths.data_dir.glob("t10k-*"):
        file.unlink()
    with pytest.raises(errors.NotFound, match="without t10k-images"):
        mnist.Mnist(paths).load("test")


def test_labels_of_another_size_are_refused(paths):
    samples.write_idx(paths.data_dir, packed=False)
    labels = samples.idx_bytes(np.zeros(3, np.uint8))
    (paths.data_dir / "train-labels-idx1-ubyte").write_bytes(labels)
    with pytest.raises(errors.InvalidValue, match="one label per image"):
        mnist.Mnist(paths).load("train")


def test_files_of_fashion_mnist_are_not_taken_for_mnist(paths):
    samples.write_idx(paths.data_dir, packed=False)
    labels = np.array([9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 1, 1], np.uint8)
    file = paths.data_dir / "train-labels-idx1-ubyte"
    file.write_bytes(samples.idx_bytes(labels))
    with pytest.raises(errors.InvalidValue, match="--dataset=fashion_mnist"):
        mnist.Mnist(paths).load("train")
