# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import cache

SHAPE = (2, 3, 1)
KEY = {"dataset": "some", "split": "train", "size": 2}
CHUNKS = [np.full((2, *SHAPE), 7, np.uint8), np.full((1, *SHAPE), 9, np.uint8)]


def load(cache_dir, *, key=KEY, chunks=lambda: CHUNKS, **options):
    return cache.images(
        key, cache_dir=cache_dir, image_shape=SHAPE, chunks=chunks, **options
    )


def never():
    raise AssertionError("decoded again")


def test_images_are_the_chunks_in_their_order(tmp_path):
    np.testing.assert_array_equal(load(tmp_path), np.concatenate(CHUNKS))


def test_second_load_decodes_nothing(tmp_path):
    first = load(tmp_path)
    np.testing.assert_array_equal(load(tmp_path, chunks=never), first)


def test_small_sets_are_in_memory_and_large_ones_mapped(tmp_path):
    size = 3 * 6
    assert not isinstance(load(tmp_path, limit=size), np.memmap)
    mapped = load(tmp_path, limit=size - 1)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, np.concatenate(CHUNKS))
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 0


@pytest.mark.parametrize("change", [{"split": "test"}, {"size": 3}, {"source": "x"}])
def test_another_key_is_decoded_anew(tmp_path, change):
    load(tmp_path)
    other = load(tmp_path, key={**KEY, **change}, chunks=lambda: CHUNKS[:1])
    assert len(other) == 2


def test_interrupted_writer_leaves_nothing_usable(tmp_path):
    def interrupted():
        yield CHUNKS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(tmp_path, chunks=interrupted)
    assert not [*tmp_path.glob("*.npy"), *tmp_path.glob(".glf_tf-*")]
    np.testing.assert_array_equal(load(tmp_path), np.concatenate(CHUNKS))


def test_killed_writer_leaves_nothing_usable(tmp_path):
    program = f"""
import os, pathlib, signal
import numpy as np
from glf_tf.data import cache
def killed():
    yield np.zeros((2, *{SHAPE}), np.uint8)
    os.kill(os.getpid(), signal.SIGKILL)
cache.images({KEY}, cache_dir=pathlib.Path({str(tmp_path)!r}), image_shape={SHAPE},
             chunks=killed)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len([*tmp_path.glob(".glf_tf-*")]) == 1
    assert not [*tmp_path.glob("*.npy")]
    # Another set's writer sweeps what was left as well.
    load(tmp_path, key={**KEY, "split": "test"})
    assert not [*tmp_path.glob(".glf_tf-*")]
    np.testing.assert_array_equal(load(tmp_path), np.concatenate(CHUNKS))


def test_sweep_spares_the_file_of_a_living_writer(tmp_path):
    def nested():
        yield CHUNKS[0]
        load(tmp_path, key={**KEY, "split": "test"})
        assert len([*tmp_path.glob(".glf_tf-*")]) == 1
        yield CHUNKS[1]

    np.testing.assert_array_equal(load(tmp_path, chunks=nested), np.concatenate(CHUNKS))


def test_damaged_copy_is_replaced(tmp_path):
    load(tmp_path)
    (file,) = tmp_path.glob("*.npy")
    for damage in (lambda data: data[:-1], lambda data: b"", lambda data: b"x" * 99):
        file.write_bytes(damage(file.read_bytes()))
        np.testing.assert_array_equal(load(tmp_path), np.concatenate(CHUNKS))


def test_many_images_fit_the_header(tmp_path):
    """The header is rewritten in place when the number of images is known."""
    many = np.zeros((12_345, *SHAPE), np.uint8)
    assert load(tmp_path, chunks=lambda: [many, many]).shape == (24_690, *SHAPE)


def test_unusable_folder_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises((errors.Exhausted, errors.Occupied), match="file"):
        load(tmp_path / "file" / "cache")


def test_full_disk_is_explained(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises((errors.Exhausted, errors.Occupied), match="No space left"):
        load(tmp_path)
    assert not [*tmp_path.glob("*.npy"), *tmp_path.glob(".glf_tf-*")]


def test_fingerprint_sees_names_sizes_and_times(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("1")
    b.write_text("1")
    os.utime(a, ns=(0, 0))
    os.utime(b, ns=(0, 0))
    seen = [cache.fingerprint(files, root=tmp_path) for files in ([a], [b], [a, b])]
    a.write_text("12")
    os.utime(a, ns=(0, 0))
    seen.append(cache.fingerprint([a], root=tmp_path))
    os.utime(a, ns=(0, 1))
    seen.append(cache.fingerprint([a], root=tmp_path))
    assert len(set(seen)) == len(seen)


def test_nothing_of_somebodys_is_removed_or_followed(tmp_path):
    (tmp_path / "outside").write_text("theirs")
    cache_dir = tmp_path / "cache"
    cache_dir.mkdir()
    for name in ("x.tmp", "thesis.lock", ".glf_tf-thesis.tex-0123456789abcdef"):
        (cache_dir / name).write_text("theirs")
    load(cache_dir)
    (file,) = cache_dir.glob("*.npy")
    for item in (file, file.with_suffix(".lock")):
        item.unlink()
        item.symlink_to("../outside")
        np.testing.assert_array_equal(load(cache_dir), np.concatenate(CHUNKS))
        np.testing.assert_array_equal(
            load(cache_dir, chunks=never), np.concatenate(CHUNKS)
        )
    theirs = [item for item in tmp_path.rglob("*") if item.is_file()]
    theirs = [item for item in theirs if item.read_bytes() == b"theirs"]
    assert len(theirs) == 6  # the links among them


@pytest.mark.parametrize("kind", ["fifo", "folder", "header"])
def test_a_copy_that_is_no_copy_is_made_anew_elsewhere(tmp_path, kind):
    load(tmp_path)
    (file,) = tmp_path.glob("*.npy")
    file.unlink()
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**13, *SHAPE)}
        with file.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
    np.testing.assert_array_equal(load(tmp_path), np.concatenate(CHUNKS))
    np.testing.assert_array_equal(load(tmp_path, chunks=never), np.concatenate(CHUNKS))


def test_another_users_damaged_copy_is_not_fought_over(tmp_path, monkeypatch):
    load(tmp_path)
    (file,) = tmp_path.glob("*.npy")
    file.write_bytes(b"cut")
    monkeypatch.setattr(cache, "_is_mine", lambda path: path.name != file.name)
    np.testing.assert_array_equal(load(tmp_path), np.concatenate(CHUNKS))
    np.testing.assert_array_equal(load(tmp_path, chunks=never), np.concatenate(CHUNKS))
    assert file.read_bytes() == b"cut"
