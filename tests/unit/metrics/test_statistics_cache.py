# SPDX-License-Identifier: Apache-2.0
"""Tests of statistics_cache, archive, digest and reference: whole files or none."""

import io
import os
import pathlib
import zipfile

import numpy as np
import pytest

from glf_tf.metrics import archive, digest, frechet, reference, statistics_cache
from glf_tf.metrics.extractors import features


@pytest.fixture
def statistics():
    return frechet.statistics(np.random.default_rng(0).normal(size=(50, 4)))


def counting_extractor():
    calls = []

    def function(images):
        calls.append(len(images))
        return images.reshape(len(images), -1)[:, :3]

    extractor = features.FunctionExtractor(function, name="first", dim=3, checksum="a")
    return extractor, calls


def pixels(seed=0, count=30):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, [count, 4, 4, 1]).astype(np.uint8)


def test_statistics_survive_the_disk(tmp_path, statistics):
    path = tmp_path / "folder" / "some.npz"
    statistics_cache.save(path, statistics=statistics)
    loaded = statistics_cache.load(path)
    np.testing.assert_array_equal(loaded.mean, statistics.mean)
    np.testing.assert_array_equal(loaded.covariance, statistics.covariance)
    assert loaded.count == 50


def test_path_depends_on_each_part_of_the_key(tmp_path):
    key = {"extractor": "a", "checksum": "b", "images": "c"}
    changed = [key] + [{**key, name: "x"} for name in key]
    paths = {statistics_cache.path_of(tmp_path, **item) for item in changed}
    assert len(paths) == 4


def test_second_call_reads_instead_of_computing(tmp_path, statistics):
    path = tmp_path / "some.npz"
    statistics_cache.load_or_compute(path, compute=lambda: statistics)
    again = statistics_cache.load_or_compute(path, compute=pytest.fail)
    np.testing.assert_array_equal(again.mean, statistics.mean)


def test_failed_computation_leaves_no_file(tmp_path):
    def compute():
        raise RuntimeError("out of images")

    with pytest.raises(RuntimeError, match="out of images"):
        statistics_cache.load_or_compute(tmp_path / "some.npz", compute=compute)
    assert list(tmp_path.iterdir()) == []


def test_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path, statistics, monkeypatch
):
    path = tmp_path / "some.npz"
    statistics_cache.save(path, statistics=statistics)
    before = path.read_bytes()

    def interrupted(file, **arrays):
        file.write(b"half of")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        statistics_cache.save(path, statistics=statistics)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_file_of_another_version_is_refused_by_load(tmp_path, statistics, monkeypatch):
    path = tmp_path / "some.npz"
    statistics_cache.save(path, statistics=statistics)
    monkeypatch.setattr(statistics_cache, "VERSION", 99)
    with pytest.raises(archive.StaleArchive, match="version 99.*of version 1"):
        statistics_cache.load(path)


def test_file_of_another_version_is_made_anew_with_a_warning(
    tmp_path, statistics, monkeypatch
):
    path = tmp_path / "some.npz"
    statistics_cache.save(path, statistics=statistics)
    monkeypatch.setattr(statistics_cache, "VERSION", 99)
    new = frechet.statistics(np.ones([3, 2]))
    with pytest.warns(statistics_cache.StaleCacheWarning, match="version"):
        statistics_cache.load_or_compute(path, compute=lambda: new)
    assert statistics_cache.load(path).count == 3


@pytest.mark.parametrize("kept", [0, 10, -20])
def test_truncated_file_is_refused(tmp_path, statistics, kept):
    path = tmp_path / "some.npz"
    statistics_cache.save(path, statistics=statistics)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(archive.StaleArchive, match="complete file"):
        statistics_cache.load(path)


def test_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "some.npz"
    archive.save(path, kind="weights", version=1, arrays={}, about={})
    with pytest.raises(archive.StaleArchive, match="holds weights"):
        statistics_cache.load(path)


def test_foreign_npz_is_refused(tmp_path):
    path = tmp_path / "some.npz"
    np.savez(path, mean=np.zeros(3))
    with pytest.raises(archive.StaleArchive, match="cannot be read"):
        statistics_cache.load(path)


def test_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        statistics_cache.load(tmp_path / "nowhere.npz")


def test_digest_sees_shape_content_and_kind():
    array = np.arange(12, dtype=np.uint8)
    variants = [
        array,
        array.reshape(3, 4),
        np.flip(array),
        np.zeros(12, np.float32),
        np.zeros(12, np.int32),
    ]
    assert len({digest.of_array(item) for item in variants}) == 5
    assert digest.of_array(array) == digest.of_array(array.copy())


def test_digest_of_a_file_is_its_sha256(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    assert digest.of_file(path).startswith("e3b0c44298fc1c149afbf4c8996fb924")


def test_reference_computes_once_and_finds_it_again(tmp_path):
    extractor, calls = counting_extractor()

    def new():
        return reference.Reference(
            pixels(), extractor=extractor, split="test", cache_dir=tmp_path
        )

    first = new().statistics
    assert sum(calls) == 30
    again = new().statistics
    assert sum(calls) == 30
    np.testing.assert_array_equal(first.covariance, again.covariance)


def test_reference_with_other_images_is_another_file(tmp_path):
    extractor, _ = counting_extractor()
    for seed in (0, 1):
        images = pixels(seed)
        real = reference.Reference(
            images, extractor=extractor, split="test", cache_dir=tmp_path
        )
        assert real.statistics.count == 30
    assert len(list(tmp_path.iterdir())) == 2


def test_reference_statistics_are_those_of_its_features():
    extractor, calls = counting_extractor()
    real = reference.Reference(pixels(), extractor=extractor, split="test")
    streamed = real.statistics.covariance
    np.testing.assert_allclose(
        streamed, np.cov(real.features.astype(float), rowvar=False)
    )
    # Features that are there already are not computed a second time.
    other = reference.Reference(pixels(), extractor=extractor, split="test")
    calls.clear()
    assert other.features.shape == (30, 3)
    np.testing.assert_allclose(other.statistics.covariance, streamed)
    assert sum(calls) == 30


def test_reference_refuses_what_is_no_image():
    extractor, _ = counting_extractor()
    with pytest.raises(ValueError, match="reference images must"):
        reference.Reference(np.zeros([4, 4]), extractor=extractor, split="test")


def test_cache_folder_may_be_in_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = statistics_cache.path_of(
        pathlib.Path("~/cache"), extractor="a", checksum="b", images="c"
    )
    assert path.parent == tmp_path / "cache"


def test_without_a_checksum_nothing_is_kept(tmp_path):
    for factor in (1.0, 2.0):
        extractor = features.FunctionExtractor(
            lambda images, factor=factor: factor * images.reshape(len(images), -1),
            name="first",
            dim=16,
        )
        real = reference.Reference(
            pixels(), extractor=extractor, split="test", cache_dir=tmp_path
        )
        expected = frechet.statistics(real.features)
        np.testing.assert_allclose(real.statistics.mean, expected.mean)
    assert list(tmp_path.iterdir()) == []


def header_of(shape, descr="<f8"):
    stream = io.BytesIO()
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, fields)
    return stream.getvalue()


def deep():
    stream = io.BytesIO()
    np.save(stream, np.array("[" * 100_000))
    return stream.getvalue()


def pickled():
    stream = io.BytesIO()
    np.save(stream, np.array([{}]), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    "member",
    [
        header_of((10**7, 10**6)),
        header_of((10**30,)),
        header_of((-1,)),
        header_of((3,)) + bytes(23),
        header_of((2,), descr="|O") + bytes(16),
        pickled(),
        b"text",
        b"",
        header_of((1,))[:-60] + b"(" * 50 + b"\n",
    ],
)
def test_an_array_that_promises_what_it_has_not_is_refused(tmp_path, member):
    path = tmp_path / "some.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("mean.npy", member)
    with pytest.raises(archive.StaleArchive, match="cannot be read"):
        statistics_cache.load(path)


@pytest.mark.parametrize(
    "header", ["[]", "3", "{}", '{"kind": 1}', '{"kind": 1, "version": 1, "about": 3}']
)
def test_an_archive_that_says_nothing_of_itself_is_refused(tmp_path, header):
    path = tmp_path / "some.npz"
    np.savez(path, header=np.array(header))
    with pytest.raises(archive.StaleArchive, match="cannot be read"):
        statistics_cache.load(path)


def test_deep_json_and_compressed_members_are_refused(tmp_path):
    path = tmp_path / "some.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("header.npy", deep())
    with pytest.raises(archive.StaleArchive, match="cannot be read"):
        statistics_cache.load(path)
    np.savez_compressed(path, mean=np.zeros(10**7))
    with pytest.raises(archive.StaleArchive, match="compressed"):
        statistics_cache.load(path)


@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_an_archive_that_is_no_plain_file_is_refused(tmp_path, kind):
    path = tmp_path / "some.npz"
    {
        "fifo": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
    }[kind]()
    with pytest.raises(archive.StaleArchive, match="cannot be read"):
        statistics_cache.load(path)


@pytest.mark.parametrize(
    "changed",
    [
        {"arrays": {}},
        {"arrays": {"mean": np.zeros(2), "covariance": np.zeros((3, 3))}},
        {"arrays": {"mean": np.zeros(2), "covariance": np.full((2, 2), np.nan)}},
        {"about": {}},
        {"about": {"count": "3"}},
        {"about": {"count": -1}},
    ],
)
def test_statistics_that_are_none_are_made_anew(tmp_path, statistics, changed):
    path = tmp_path / "some.npz"
    whole = {
        "arrays": {"mean": np.zeros(2), "covariance": np.eye(2)},
        "about": {"count": 5},
    }
    archive.save(path, kind="feature statistics", version=1, **{**whole, **changed})
    with pytest.warns(statistics_cache.StaleCacheWarning):
        statistics_cache.load_or_compute(path, compute=lambda: statistics)
    assert statistics_cache.load(path).count == 50


def test_a_place_that_cannot_be_written_is_done_without(tmp_path, statistics):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "some.npz"
    with pytest.warns(archive.NotKeptWarning, match="each time"):
        statistics_cache.load_or_compute(path, compute=lambda: statistics)


def test_a_link_in_the_place_of_a_file_is_left_alone(tmp_path, statistics):
    """This user's own file stands beside it, and is found again."""
    (tmp_path / "outside").write_text("theirs")
    path = tmp_path / "some.npz"
    path.symlink_to("outside")
    with pytest.warns(statistics_cache.StaleCacheWarning):
        statistics_cache.load_or_compute(path, compute=lambda: statistics)
    statistics_cache.load_or_compute(path, compute=pytest.fail)
    assert (tmp_path / "outside").read_text() == "theirs"
