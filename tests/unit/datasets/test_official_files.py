# SPDX-License-Identifier: Apache-2.0
"""Damaged and incomplete copies of the sets that come in files of their own format."""

import numpy as np
import pytest
from scipy import io

from glf_tf import errors
from glf_tf.datasets import celeb_a, celeb_a_hq, cifar10, sources, svhn_cropped
from tests import samples


@pytest.mark.parametrize("folder", ["", "cifar10", "cifar-10-batches-bin"])
def test_cifar10_is_channels_last_in_order(paths, folder):
    samples.write_cifar10(paths.data_dir / folder)
    found = cifar10.Cifar10(paths).load("train")
    np.testing.assert_array_equal(found.images, samples.pixels("train", (32, 32, 3)))
    np.testing.assert_array_equal(found.labels, samples.labels("train"))


def test_cifar10_names_a_missing_file(paths):
    samples.write_cifar10(paths.data_dir)
    (paths.data_dir / "data_batch_3.bin").unlink()
    with pytest.raises(errors.NotFound, match=r"without data_batch_3\.bin"):
        cifar10.Cifar10(paths).load("train")


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 3072, b"\0" * 3074, b"\x0a" + b"\0" * 3072]
)
def test_cifar10_names_a_damaged_file(paths, data):
    samples.write_cifar10(paths.data_dir)
    (paths.data_dir / "test_batch.bin").write_bytes(data)
    with pytest.raises(errors.InvalidValue, match=r"test_batch\.bin"):
        cifar10.Cifar10(paths).load("test")


def test_svhn_is_channels_last_and_zero_is_zero(paths):
    samples.write_svhn(paths.data_dir)
    found = svhn_cropped.SvhnCropped(paths).load("train")
    np.testing.assert_array_equal(found.images, samples.pixels("train", (32, 32, 3)))
    np.testing.assert_array_equal(found.labels, samples.labels("train"))


def test_svhn_is_unpacked_within_bounds(paths, monkeypatch):
    folder = paths.data_dir / "svhn_cropped"
    folder.mkdir()
    content = {"X": np.zeros((32, 32, 3, 999), np.uint8), "y": np.ones((999, 1))}
    for split in ("train", "test"):
        file = folder / f"{split}_32x32.mat"
        io.savemat(file, content, do_compression=True)
    assert len(svhn_cropped.SvhnCropped(paths).load("train")) == 999
    monkeypatch.setattr(sources, "MAX_BYTES", 2 * 10**6)
    with pytest.raises(
        errors.Damaged, match="more than 2,000,000 bytes are compressed"
    ):
        svhn_cropped.SvhnCropped(paths).load("train")


def test_files_of_sets_are_plain_and_bounded(paths, monkeypatch):
    samples.write_cifar10(paths.data_dir)
    monkeypatch.setattr(sources, "MAX_BYTES", 99)
    with pytest.raises(errors.Damaged, match="at most 99 bytes"):
        cifar10.Cifar10(paths).load("test")


def test_celeb_a_names_no_picture_elsewhere(paths):
    samples.write_celeb_a(paths.data_dir)
    partition = paths.data_dir / "list_eval_partition.txt"
    partition.write_text(partition.read_text() + "../secret.jpg 0\n")
    with pytest.raises(errors.InvalidValue, match="secret"):
        celeb_a.CelebA(paths).load("train")


def test_svhn_names_a_missing_file(paths):
    samples.write_svhn(paths.data_dir)
    (paths.data_dir / "test_32x32.mat").unlink()
    with pytest.raises(errors.NotFound, match=r"without test_32x32\.mat"):
        svhn_cropped.SvhnCropped(paths).load("test")


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
def test_svhn_names_a_wrong_file(paths, content, word):
    io.savemat(paths.data_dir / "train_32x32.mat", content)
    with pytest.raises(errors.Damaged, match=word) as caught:
        svhn_cropped.SvhnCropped(paths).load("train")
    assert "train_32x32.mat" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"no matlab file", None])
def test_svhn_names_a_damaged_file(paths, data):
    samples.write_svhn(paths.data_dir)
    file = paths.data_dir / "train_32x32.mat"
    file.write_bytes(file.read_bytes()[:-500] if data is None else data)
    with pytest.raises(errors.Damaged, match=r"train_32x32\.mat"):
        svhn_cropped.SvhnCropped(paths).load("train")


def test_celeb_a_leaves_the_validation_part_out(paths):
    samples.write_celeb_a(paths.data_dir / "celeba")
    sizes = [len(celeb_a.CelebA(paths).load(split)) for split in ("train", "test")]
    assert sizes == [samples.COUNTS["train"], samples.COUNTS["test"]]


def test_celeb_a_takes_crop_and_size(paths):
    samples.write_celeb_a(paths.data_dir)
    found = celeb_a.CelebA(paths, crop=100, size=16).load("test")
    assert found.image_shape == (16, 16, 3)
    assert found.digest != celeb_a.CelebA(paths, size=16).load("test").digest


@pytest.mark.parametrize("name", ["img_align_celeba", "list_eval_partition.txt"])
def test_celeb_a_names_what_is_missing(paths, name):
    samples.write_celeb_a(paths.data_dir)
    (paths.data_dir / name).rename(paths.data_dir / "elsewhere")
    with pytest.raises(errors.NotFound, match=f"without {name}"):
        celeb_a.CelebA(paths).load("train")


def test_celeb_a_names_a_missing_picture(paths):
    samples.write_celeb_a(paths.data_dir)
    (paths.data_dir / "img_align_celeba" / "000003.jpg").unlink()
    with pytest.raises(errors.NotFound, match=r"without 000003\.jpg"):
        celeb_a.CelebA(paths).load("train")


def test_celeb_a_names_a_broken_picture(paths):
    samples.write_celeb_a(paths.data_dir)
    file = paths.data_dir / "img_align_celeba" / "000003.jpg"
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(errors.Damaged, match=r"000003\.jpg"):
        celeb_a.CelebA(paths).load("train")
    assert not [*paths.cache_dir.glob("*.npy")]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("000001.jpg", "000001.jpg"),
        ("000001.jpg 3", "000001.jpg 3"),
        ("000001.jpg 1\n", "train part"),
        ("", "train part"),
    ],
)
def test_celeb_a_refuses_a_damaged_partition(paths, text, word):
    samples.write_celeb_a(paths.data_dir)
    (paths.data_dir / "list_eval_partition.txt").write_text(text)
    with pytest.raises(errors.InvalidValue, match=word):
        celeb_a.CelebA(paths).load("train")


@pytest.mark.parametrize("options", [{"crop": 0}, {"crop": 179}, {"size": 0}])
def test_celeb_a_checks_its_options(paths, options):
    with pytest.raises(errors.InvalidValue, match="between 1 and 178"):
        celeb_a.CelebA(paths, **options)


@pytest.mark.parametrize("size", [0, 1025])
def test_celeb_a_hq_checks_its_size(paths, size):
    with pytest.raises(errors.InvalidValue, match="between 1 and 1024"):
        celeb_a_hq.CelebAHq(paths, size=size)


@pytest.mark.parametrize(
    ("size", "resolution"), [(64, 256), (256, 256), (257, 512), (1024, 1024)]
)
def test_celeb_a_hq_is_never_enlarged(paths, size, resolution):
    with pytest.raises(errors.NotFound, match=f"celeb_a_hq/{resolution} "):
        celeb_a_hq.CelebAHq(paths, size=size).load("train")


def test_celeb_a_hq_splits_by_name_without_suffix(paths):
    samples.write_celeb_a_hq(paths.data_dir / "celeb_a_hq")
    before = celeb_a_hq.CelebAHq(paths, size=8).load("test").digest
    for file in paths.data_dir.glob("celeb_a_hq/*.png"):
        file.rename(file.with_suffix(".bmp"))
    assert celeb_a_hq.CelebAHq(paths, size=8).load("test").digest == before
