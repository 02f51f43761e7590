# SPDX-License-Identifier: Apache-2.0
"""Every kind of picture through every door: the same pixels, or a refusal by name."""

import io
import json
import os
import pathlib
import types

import numpy as np
import pytest
from PIL import Image

from glf_tf import errors
from glf_tf.cli import loading
from glf_tf.data import arrays, npy, picture_files, pictures
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import folder
from glf_tf.evaluation import anomaly_sets, user_images
from glf_tf.experiments import folder as run_folder
from glf_tf.masks import picture as picture_mask
from tests import samples, scenes

RIGHT, WRONG = scenes.RIGHT, scenes.WRONG
SHAPE = (scenes.SIZE, scenes.SIZE, 3)


class Place:
    """A folder for pictures, and a run whose data are pictures of the scene's size."""

    def __init__(self, path: pathlib.Path):
        self.pictures, self.run = path / "pictures", path / "run"
        self.paths = paths_lib.DataPaths(cache_dir=path / "cache")
        data = path / "data" / "test"
        for made in (self.pictures, self.run, data, path / "data" / "train"):
            made.mkdir(parents=True)
            (made / "own.png").write_bytes(scenes.encoded(scenes.COLOURS))
        (self.pictures / "own.png").unlink()
        described = {
            "dataset": {"name": "folder", "size": scenes.SIZE},
            "data_dir": str(path / "data"),
            "data_source": str(path / "data"),
            "model": {"name": "glf"},
            "arguments": {"image_shape": SHAPE},
            "batch_size": 1,
            "seed": 0,
        }
        (self.run / "run.json").write_text(json.dumps(described))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def trained_on(place, on_broken):
    paths = paths_lib.DataPaths(place.pictures, place.paths.cache_dir)
    chosen = {"size": scenes.SIZE, "test_fraction": 0, "on_broken": on_broken}
    return folder.Folder(paths, **chosen).load("train").images


def sampled(place, on_broken):
    return user_images.read(
        place.pictures, image_shape=SHAPE, flag="--samples", on_broken=on_broken
    ).images


def set_against(place, on_broken):
    asked = anomaly_sets.of_run(
        place.run,
        paths=place.paths,
        against=str(place.pictures),
        on_broken=on_broken,
    )
    return asked.images[asked.is_anomaly]


def given(place, on_broken):
    """What reconstruct, inpaint and interpolate take."""
    with pytest.MonkeyPatch.context() as patch:
        given = {"images": str(place.pictures), "workdir": str(place.run)}
        given["on_broken"] = on_broken
        patch.setattr(loading, "FLAGS", types.SimpleNamespace(**given))
        opened = run_folder.Folder(place.run)
        patch.setattr(loading, "folder", lambda: opened)
        return np.rint(loading.load_images(9) * 255).astype(np.uint8)


DOORS = (trained_on, sampled, set_against, given)


def mask_of(file):
    return picture_mask.PictureMask(SHAPE, file=str(file))._visible


@pytest.mark.parametrize("name", RIGHT)
def test_the_same_pixels_come_out_of_every_door(name, place):
    content, expected, error = RIGHT[name]
    (place.pictures / name).write_bytes(content)
    found = [door(place, "refuse") for door in DOORS]
    for images in found:
        assert images.shape == (1, *SHAPE)
        difference = np.abs(images[0].astype(int) - expected)
        # Codecs err most at the edge of the blue corner; that is a few pixels.
        assert np.percentile(difference, 97 if error else 100) <= error
        np.testing.assert_array_equal(images, found[0])


@pytest.mark.parametrize("name", RIGHT)
def test_a_picture_alone_is_read_as_in_a_folder(name, place):
    file = place.pictures / name
    file.write_bytes(RIGHT[name][0])
    alone, there = (
        user_images.read(path, image_shape=SHAPE, flag="--images")
        for path in (file, place.pictures)
    )
    np.testing.assert_array_equal(alone.images, there.images)
    assert alone.names == there.names == [name]


@pytest.mark.parametrize("name", WRONG)
def test_a_picture_alone_that_cannot_be_read_is_refused(name, place):
    content, word = WRONG[name]
    (place.pictures / name).write_bytes(content)
    with pytest.raises(errors.Damaged, match=f"(?s){name}.*({word})"):
        user_images.read(place.pictures / name, image_shape=SHAPE, flag="--images")


@pytest.mark.parametrize("name", [name for name in RIGHT if name != "g12in16.png"])
def test_masks_are_read_alike(name, place):
    content, expected, _ = RIGHT[name]
    file = place.pictures / name
    file.write_bytes(content)
    luma = expected @ [0.299, 0.587, 0.114]
    is_sure = np.abs(luma - 128) > 25
    found = picture_mask._read(file).pixels[..., 0] >= 128
    np.testing.assert_array_equal(found[is_sure], (luma > 128)[is_sure])


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_what_cannot_be_read_is_refused_by_name_or_skipped(name, door, place, caplog):
    content, word = WRONG[name]
    (place.pictures / name).write_bytes(content)
    (place.pictures / "whole.png").write_bytes(scenes.encoded(scenes.COLOURS))
    with pytest.raises(errors.Damaged, match=f"(?s){name}.*({word})") as refused:
        door(place, "refuse")
    assert "on_broken=skip" in str(refused.value)
    assert len(door(place, "skip")) == 1
    assert name in caplog.text


@pytest.mark.parametrize("name", WRONG)
def test_masks_that_cannot_be_read_are_refused(name, place):
    (place.pictures / name).write_bytes(WRONG[name][0])
    with pytest.raises(errors.Damaged, match=name):
        mask_of(place.pictures / name)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("anim.gif", "frames or pages"),
        ("apng.png", "frames or pages"),
        ("multipage.tif", "frames or pages"),
        ("mpo.jpg", "frames or pages"),
        ("g12in16.png", "dark by their own"),
        ("lab.tif", "in Lab"),
        ("onebit.png", "1 bit a pixel"),
    ],
)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_what_a_user_should_know_is_reported(name, word, door, place, caplog):
    (place.pictures / name).write_bytes(RIGHT[name][0])
    door(place, "refuse")
    assert word in caplog.text
    caplog.clear()
    picture_mask._read(place.pictures / name)
    assert word in caplog.text


@pytest.mark.parametrize("door", [trained_on, set_against, given])
def test_small_pictures_are_enlarged_with_a_word(door, place, caplog):
    for name, shape in {"one": (1, 1), "thin": (3000, 1), "odd": (64, 65)}.items():
        pixels = np.full((*shape, 3), 9, np.uint8)
        (place.pictures / f"{name}.png").write_bytes(scenes.encoded(pixels))
    assert (door(place, "refuse") == 9).all()
    assert "2 were enlarged" in caplog.text


def test_samples_have_the_size_of_the_data(place):
    (place.pictures / "x.png").write_bytes(scenes.encoded(scenes.COLOURS[:9]))
    with pytest.raises(errors.Damaged, match="9x64 for 64x64"):
        sampled(place, "refuse")


@pytest.mark.parametrize("size", [8, 16, 64])
@pytest.mark.parametrize("margin", [0, 1, 2, 3])
def test_centres_are_exact_to_half_a_pixel(size, margin):
    """The centre of mass of a ramp says where the picture was cut."""
    ramp = np.tile(np.arange(64 + margin, dtype=np.uint8), (64, 1))
    found = pictures.square(scenes.encoded(ramp), size=size, channels=1).pixels
    middle = found[:, size // 4 : -size // 4].mean()
    assert abs(middle - (63 + margin) / 2) <= 0.51


def test_what_is_resized_is_counted(place, caplog):
    how = {"image_shape": SHAPE, "flag": "--images", "resize": {}}
    (place.pictures / "whole.png").write_bytes(scenes.encoded(scenes.COLOURS))
    user_images.read(place.pictures, **how)
    assert "resized" not in caplog.text
    for name, shape in {"wide": (SHAPE[0], SHAPE[1] + 1), "small": (9, 9)}.items():
        pixels = np.zeros((*shape, 3), np.uint8)
        (place.pictures / f"{name}.png").write_bytes(scenes.encoded(pixels))
    user_images.read(place.pictures, **how)
    assert f"--images: 2 pictures resized to {SHAPE[0]}x{SHAPE[1]}" in caplog.text


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_have_the_background_of_the_data(channels, place):
    clear = np.zeros([*SHAPE[:2], 4], np.uint8)
    Image.fromarray(clear).save(place.pictures / "clear.png")
    how = {"image_shape": (*SHAPE[:2], channels), "flag": "--samples"}
    assert (user_images.read(place.pictures, **how).images == 255).all()
    grey = user_images.read(place.pictures, background=(9, 9, 9), **how).images
    assert (grey == 9).all()


@pytest.mark.parametrize("name", ["no_suffix", ".png", "x.png.", "x.png ", "x.dat"])
def test_a_picture_alone_needs_no_suffix(name, place):
    (place.pictures / name).write_bytes(scenes.encoded(scenes.COLOURS))
    how = {"image_shape": SHAPE, "flag": "--images"}
    found = user_images.read(place.pictures / name, **how)
    np.testing.assert_array_equal(found.images[0], scenes.COLOURS)


def test_advice_for_one_picture_can_be_followed(place, tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(SHAPE, np.uint8))
    with pytest.raises(errors.InvalidValue, match=r"images\[None\]"):
        user_images.read(tmp_path / "one.npy", image_shape=SHAPE, flag="--images")
    (place.pictures / "broken.png").write_bytes(b"broken")
    with pytest.raises(errors.Damaged) as refused:
        user_images.read(
            place.pictures / "broken.png", image_shape=SHAPE, flag="--images"
        )
    assert "on_broken" not in str(refused.value)


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_backgrounds_are_chosen(fit):
    rgba = np.zeros((8, 16, 4), np.uint8)
    blue = (0, 0, 200)
    found = pictures.square(scenes.encoded(rgba), size=8, fit=fit, background=blue)
    assert (found.pixels == blue).all()


NAMES = [
    *("ünï 雪.png", "two words.png", "new\nline.png", "x" * 250 + ".png"),
    os.fsdecode(b"no\xffutf8.png"),
]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_names_do_not_matter(door, place, caplog):
    for name in NAMES:
        (place.pictures / name).write_bytes(scenes.encoded(scenes.COLOURS))
    assert len(door(place, "refuse")) == len(NAMES)
    for name in NAMES:
        (place.pictures / name).write_bytes(b"broken")
    with pytest.raises(errors.Damaged) as refused:
        door(place, "refuse")
    str(refused.value).encode("utf-8")
    assert "\n" not in str(refused.value)
    asked = user_images.read
    (place.pictures / "whole.png").write_bytes(scenes.encoded(scenes.COLOURS))
    read = asked(place.pictures, image_shape=SHAPE, flag="--x", on_broken="skip")
    assert read.names == ["whole.png"]


def test_what_systems_leave_is_passed_over(place):
    (place.pictures / "deep").mkdir()
    (place.pictures / "deep/x.png").write_bytes(scenes.encoded(scenes.COLOURS))
    for hidden in (".ipynb_checkpoints", "__MACOSX"):
        (place.pictures / hidden).mkdir()
        (place.pictures / hidden / "x.png").write_text("no picture")
    for name in ("._x.png", ".DS_Store", "Thumbs.db"):
        (place.pictures / name).write_text("no picture")
    assert picture_files.listed(place.pictures) == [place.pictures / "deep/x.png"]


def test_files_of_other_kinds_are_counted(place):
    for name in ("a.txt", "b.txt", "c.heic", "d"):
        (place.pictures / name).write_text("something")
    message = str(picture_files.survey(place.pictures))
    assert "4 other files left out by suffix: 2 .txt, 1 .heic, 1 without" in message


def test_links_to_folders_are_followed_once(place, tmp_path, caplog):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.png").write_bytes(scenes.encoded(scenes.COLOURS))
    (place.pictures / "a").symlink_to(elsewhere)
    (place.pictures / "b").symlink_to(elsewhere)
    (place.pictures / "loop").symlink_to(place.pictures)
    (elsewhere / "back").symlink_to(elsewhere)
    assert picture_files.listed(place.pictures) == [place.pictures / "a/x.png"]
    for name in ("pictures/b", "pictures/loop", "a/back"):
        assert name in caplog.text


def _make_odd(place):
    """Makes what is called as pictures are; returns names and reasons."""
    os.mkfifo(place.pictures / "fifo.png")
    (place.pictures / "folder.png").mkdir()
    (place.pictures / "nothing.png").symlink_to("nowhere")
    (place.pictures / "of a disk that is gone").symlink_to("/nowhere/pictures")
    (place.pictures / "device.png").symlink_to("/dev/zero")
    (place.pictures / "self.png").symlink_to("self.png")
    return {
        "fifo.png": "not a regular file",
        "folder.png": "a folder",
        "nothing.png": "a dangling link",
        "of a disk that is gone": "a dangling link",
        "device.png": "not a regular file",
        "self.png": "Too many levels|a dangling link",
    }


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_what_is_no_file_is_named(door, place):
    odd = _make_odd(place)
    (place.pictures / "whole.png").write_bytes(scenes.encoded(scenes.COLOURS))
    with pytest.raises(errors.Damaged, match=f"{len(odd)} broken") as refused:
        door(place, "refuse")
    for name in odd:
        assert name in str(refused.value)
    assert len(door(place, "skip")) == 1


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
@pytest.mark.parametrize("kind", ["file", "folder", "content"])
def test_what_may_not_be_read_is_named(kind, door, place, monkeypatch):
    """Who runs tests as root may read everything, so that the system is played."""
    secret = place.pictures / ("x.png" if kind == "file" else "secret")
    if kind != "file":
        secret.mkdir()
        secret = secret / "x.png" if kind == "content" else secret
    if kind != "folder":
        secret.write_bytes(b"x")
    (place.pictures / "whole.png").write_bytes(scenes.encoded(scenes.COLOURS))
    _forbid(secret, monkeypatch, is_inside=kind == "content")
    with pytest.raises(errors.Damaged, match=f"{secret.name} .Permission denied"):
        door(place, "refuse")
    assert len(door(place, "skip")) == 1


def _forbid(path, monkeypatch, *, is_inside):
    """Lets nobody read a path; is it inside a folder that nobody enters, nor look."""

    def guard(function):
        def guarded(asked=".", *args, **kwargs):
            if not isinstance(asked, int) and pathlib.Path(asked) == path:
                raise PermissionError(13, "Permission denied", str(path))
            return function(asked, *args, **kwargs)

        return guarded

    if is_inside:
        monkeypatch.setattr(os, "stat", guard(os.stat))
        monkeypatch.setattr(os, "lstat", guard(os.lstat))
    monkeypatch.setattr(os, "scandir", guard(os.scandir))
    monkeypatch.setattr(os, "listdir", guard(os.listdir))
    monkeypatch.setattr(pathlib.Path, "open", guard(pathlib.Path.open))


BYTES = np.random.default_rng(0).integers(0, 256, (5, 8, 9, 3), dtype=np.uint8)


def read_array(path, shape=(8, 9, 3)):
    return user_images.read(path, image_shape=shape, flag="--samples").images


@pytest.mark.parametrize("kind", ["u1", "<f4", ">f4", "<f8", ">f8", "f2"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_pictures_are_the_same_as_bytes_and_as_floats(kind, order, save, tmp_path):
    images = BYTES if kind == "u1" else (BYTES / 255).astype(kind)
    path = tmp_path / ("x.npy" if save is np.save else "x.npz")
    save(path, np.asarray(images, order=order))
    found = read_array(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, BYTES)


def test_grey_arrays_need_no_channel(tmp_path):
    np.save(tmp_path / "x.npy", BYTES[..., 0])
    np.save(tmp_path / "y.npy", BYTES[..., :1])
    for name in ("x.npy", "y.npy"):
        found = read_array(tmp_path / name, shape=(8, 9, 1))
        np.testing.assert_array_equal(found, BYTES[..., :1])


def test_samples_between_bytes_stay_floats(tmp_path):
    images = np.float32(BYTES / 255.0 * 0.97)
    np.save(tmp_path / "x.npy", images)
    np.testing.assert_array_equal(read_array(tmp_path / "x.npy"), images)


def _with(value):
    images = BYTES / 255.0
    images[2, 3, 4, 1] = value
    return images


REFUSED_ARRAYS = {
    "int64": (BYTES.astype(np.int64), "int64"),
    "bool": (BYTES > 9, "bool"),
    "complex": (BYTES / 255.0 + 0j, "complex128"),
    "objects": (BYTES.astype(object), "never unpickled"),
    "255": (BYTES.astype(np.float32), r"0 to 255.*x / 255"),
    "signed": (BYTES / 127.5 - 1, r"-1 to 1.*\(x \+ 1\) / 2"),
    "nan": (_with(np.nan), "NaN"),
    "infinity": (_with(np.inf), "inf"),
    "all_nan": (np.full(BYTES.shape, np.nan), "NaN"),
    "none": (BYTES[:0], "with no image"),
    "0-d": (np.uint8(3), r"shape \[\]"),
    "rank": (BYTES[None], "shape"),
    "four": (np.zeros((5, 8, 9, 4), np.uint8), "shape"),
    "other": (BYTES[:, :7], "shape of the run's data.*Resize them"),
    "grey": (BYTES[..., :1], "shape of the run's data.*np.repeat"),
    "named": (np.zeros(5, [("x", "u1")]), "elements of type"),
}


@pytest.mark.parametrize("name", REFUSED_ARRAYS)
@pytest.mark.parametrize("save", [np.save, np.savez])
def test_arrays_are_refused_with_the_reason(name, save, tmp_path):
    values, word = REFUSED_ARRAYS[name]
    path = tmp_path / ("x.npy" if save is np.save else "x.npz")
    save(path, values)
    with pytest.raises(errors.UserError, match=word):
        read_array(path)


def test_pictures_of_another_size_are_not_called_unreadable(tmp_path):
    for index in range(2):
        samples.smooth((9, 9), seed=index).save(tmp_path / f"{index}.png")
    with pytest.raises(errors.Damaged, match="have the size.*2 broken.*to that size"):
        read_array(tmp_path)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(errors.Damaged, match="must be readable.*3 broken"):
        read_array(tmp_path)


def _promising(shape):
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "an empty file"),
        (b"a text\n" * 9, "not a NumPy array"),
        (scenes.encoded(BYTES[0]), "not a NumPy array"),
        (_promising((10**12, 8, 9)) + bytes(99), "states 72,000,000,000,000"),
        (_promising((5, 8, 9)) + bytes(359), "359 bytes"),
        (_promising((5, 8, 9)) + bytes(361), "361 bytes"),
        (b"\x93NUMPY\x01\x00\x05\x00(((((", "header"),
        (b"\x93NUMPY\x09\x00", "x.npy"),
        (b"PK\x03\x04" + bytes(99), "zip"),
    ],
)
def test_damaged_arrays_are_refused(content, word, tmp_path):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(errors.Damaged, match=word):
        arrays.read(tmp_path / "x.npy")


def test_packed_arrays_are_bounded(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", np.zeros((999, 32, 32), np.uint8))
    monkeypatch.setattr(npy, "MAX_UNPACKED_BYTES", 10**6)
    with pytest.raises(errors.Damaged, match="at most 1,000,000"):
        arrays.read(tmp_path / "x.npz")
    np.savez(tmp_path / "two.npz", a=BYTES, b=BYTES)
    with pytest.raises(errors.Damaged, match="2 arrays instead of one"):
        arrays.read(tmp_path / "two.npz")


def test_pictures_of_16_bits_are_the_array(tmp_path):
    """Real digits: what they were written as makes no difference to what is read."""
    from glf_tf.datasets import digits

    images = digits.Digits(paths_lib.DataPaths()).load("test").images[:64]
    for index, image in enumerate(images[..., 0].astype(np.uint16) * 257):
        Image.fromarray(image).save(tmp_path / f"{index:03}.png")
    found = read_array(tmp_path, shape=images.shape[1:])
    np.testing.assert_array_equal(found, images)
