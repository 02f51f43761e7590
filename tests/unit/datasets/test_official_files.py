# SPDX-License-Identifier: Apache-2.0
"""Damaged and incomplete copies of the sets that come in files of their own format."""

import numpy as np
import pytest
from scipy import io

from glf_tf import errors
from glf_tf.datasets import celeb_a, celeb_a_hq, cifar10, sources, svhn_cropped
from tests import samples


@pytest.mark.parametrize("folder", ["", "cifar10", "cifar-10-batches-bin"])
def test_cifar10_is_channels_last_in_order(places, folder):
    samples.write_cifar10(places.data_dir / folder)
    found = cifar10.Cifar10(places).load("train")
    np.testing.assert_array_equal(found.images, samples.pixels("train", (32, 32, 3)))
    np.testing.assert_array_equal(found.labels, samples.labels("train"))


def test_cifar10_names_a_missing_file(places):
    samples.write_cifar10(places.data_dir)
    (places.data_dir / "data_batch_3.bin").unlink()
    with pytest.raises(errors.NotFound, match=r"without data_batch_3\.bin"):
        cifar10.Cifar10(places).load("train")


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 3072, b"\0" * 3074, b"\x0a" + b"\0" * 3072]
)
def test_cifar10_names_a_damaged_file(places, data):
    samples.write_cifar10(places.data_dir)
    (places.data_dir / "test_batch.bin").write_bytes(data)
    with pytest.raises(errors.InvalidValue, match=r"test_batch\.bin"):
        cifar10.Cifar10(places).load("test")


def test_svhn_is_channels_last_and_zero_is_zero(places):
    samples.write_svhn(places.data_dir)
    found = svhn_cropped.SvhnCropped(places).load("train")
    np.testing.assert_array_equal(found.images, samples.pixels("train", (32, 32, 3)))
    np.testing.assert_array_equal(found.labels, samples.labels("train"))


def test_svhn_is_unpacked_within_bounds(places, monkeypatch):
    folder = places.data_dir / "svhn_cropped"
    folder.mkdir()
    content = {"X": np.zeros((32, 32, 3, 999), np.uint8), "y": np.ones((999, 1))}
    for split in ("train", "test"):
        file = folder / f"{split}_32x32.mat"
        io.savemat(file, content, do_compression=True)
    assert len(svhn_cropped.SvhnCropped(places).load("train")) == 999
    monkeypatch.setattr(sources, "MAX_BYTES", 2 * 10**6)
    with pytest.raises(errors.Damaged, match="more than 2,000,000 bytes are packed"):
        svhn_cropped.SvhnCropped(places).load("train")


def test_files_of_sets_are_plain_and_bounded(places, monkeypatch):
    samples.write_cifar10(places.data_dir)
    monkeypatch.setattr(sources, "MAX_BYTES", 99)
    with pytest.raises(errors.Damaged, match="at most 99 bytes"):
        cifar10.Cifar10(places).load("test")


def test_celeb_a_names_no_picture_elsewhere(places):
    samples.write_celeb_a(places.data_dir)
    partition = places.data_dir / "list_eval_partition.txt"
    partition.write_text(partition.read_text() + "../secret.jpg 0\n")
    with pytest.raises(errors.InvalidValue, match="secret"):
        celeb_a.CelebA(places).load("train")


def test_svhn_names_a_missing_file(places):
    samples.write_svhn(places.data_dir)
    (places.data_dir / "test_32x32.mat").unlink()
    with pytest.raises(errors.NotFound, match=r"without test_32x32\.mat"):
        svhn_cropped.SvhnCropped(places).load("test")


X = np.zeros((32, 32, 3, 2), np.uint8)
Y = np.ones((2, 1), np.uint8)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"X": X}, "cannot be read"),
        ({"X": X.astype(np.float32), "y": Y}, "float32"),
        ({"X": X, "y": Y[:1]}, "y \\(1,\\)"),
        ({"X": X, "y": 0 * Y}, "labels in \\[0, 0\\]"),
        ({"X": X, "y": 11 * Y}, "labels in \\[11, 11\\]"),
    ],
)
def test_svhn_names_a_wrong_file(places, content, word):
    io.savemat(places.data_dir / "train_32x32.mat", content)
    with pytest.raises(errors.Damaged, match=word) as caught:
        svhn_cropped.SvhnCropped(places).load("train")
    assert "train_32x32.mat" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"no matlab file", None])
def test_svhn_names_a_damaged_file(places, data):
    samples.write_svhn(places.data_dir)
    file = places.data_dir / "train_32x32.mat"
    file.write_bytes(file.read_bytes()[:-500] if data is None else data)
    with pytest.raises(errors.Damaged, match=r"train_32x32\.mat"):
        svhn_cropped.SvhnCropped(places).load("train")


def test_celeb_a_leaves_the_validation_part_out(places):
    samples.write_celeb_a(places.data_dir / "celeba")
    sizes = [len(celeb_a.CelebA(places).load(split)) for split in ("train", "test")]
    assert sizes == [samples.COUNTS["train"], samples.COUNTS["test"]]


def test_celeb_a_takes_crop_and_size(places):
    samples.write_celeb_a(places.data_dir)
    found = celeb_a.CelebA(places, crop=100, size=16).load("test")
    assert found.image_shape == (16, 16, 3)
    assert found.digest != celeb_a.CelebA(places, size=16).load("test").digest


@pytest.mark.parametrize("name", ["img_align_celeba", "list_eval_partition.txt"])
def test_celeb_a_names_what_is_missing(places, name):
    samples.write_celeb_a(places.data_dir)
    (places.data_dir / name).rename(places.data_dir / "elsewhere")
    with pytest.raises(errors.NotFound, match=f"without {name}"):
        celeb_a.CelebA(places).load("train")


def test_celeb_a_names_a_missing_picture(places):
    samples.write_celeb_a(places.data_dir)
    (places.data_dir / "img_align_celeba" / "000003.jpg").unlink()
    with pytest.raises(errors.NotFound, match=r"without 000003\.jpg"):
        celeb_a.CelebA(places).load("train")


def test_celeb_a_names_a_broken_picture(places):
    samples.write_celeb_a(places.data_dir)
    file = places.data_dir / "img_align_celeba" / "000003.jpg"
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(errors.Damaged, match=r"000003\.jpg"):
        celeb_a.CelebA(places).load("train")
    assert not [*places.cache_dir.glob("*.npy")]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("000001.jpg", "000001.jpg"),
        ("000001.jpg 3", "000001.jpg 3"),
        ("000001.jpg 1\n", "train part"),
        ("", "train part"),
    ],
)
def test_celeb_a_refuses_a_damaged_partition(places, text, word):
    samples.write_celeb_a(places.data_dir)
    (places.data_dir / "list_eval_partition.txt").write_text(text)
    with pytest.raises(errors.InvalidValue, match=word):
        celeb_a.CelebA(places).load("train")


@pytest.mark.parametrize("options", [{"crop": 0}, {"crop": 179}, {"size": 0}])
def test_celeb_a_checks_its_options(places, options):
    with pytest.raises(errors.InvalidValue, match="between 1 and 178"):
        celeb_a.CelebA(places, **options)


@pytest.mark.parametrize("size", [0, 1025])
def test_celeb_a_hq_checks_its_size(places, size):
    with pytest.raises(errors.InvalidValue, match="between 1 and 1024"):
        celeb_a_hq.CelebAHq(places, size=size)


@pytest.mark.parametrize(
    ("size", "resolution"), [(64, 256), (256, 256), (257, 512), (1024, 1024)]
)
def test_celeb_a_hq_is_never_enlarged(places, size, resolution):
    with pytest.raises(errors.NotFound, match=f"celeb_a_hq/{resolution} "):
        celeb_a_hq.CelebAHq(places, size=size).load("train")


def test_celeb_a_hq_splits_by_name_without_suffix(places):
    samples.write_celeb_a_hq(places.data_dir / "celeb_a_hq")
    before = celeb_a_hq.CelebAHq(places, size=8).load("test").digest
    for file in places.data_dir.glob("celeb_a_hq/*.png"):
        file.rename(file.with_suffix(".bmp"))
    assert celeb_a_hq.CelebAHq(places, size=8).load("test").digest == before
