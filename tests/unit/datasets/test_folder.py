# SPDX-License-Identifier: Apache-2.0
import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

from glf_tf import errors
from glf_tf.data import colours, decoding, picture_files, pictures
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import folder, subset, without
from tests import samples


def load(paths, split="train", **options):
    return folder.Folder(paths, size=8, **options).load(split)


def test_pictures_of_any_kind_and_depth_are_found(paths):
    samples.write_pictures(paths.data_dir, count=12)
    (paths.data_dir / "README.txt").write_text("no picture")
    (paths.data_dir / "._picture_00.png").write_text("no picture")
    (paths.data_dir / ".hidden").mkdir()
    (paths.data_dir / ".hidden" / "a.png").write_text("no picture")
    found = load(paths, test_fraction=0)
    assert found.images.shape == (12, 8, 8, 3)
    assert found.labels is None


def test_one_channel_is_grey(paths):
    samples.write_pictures(paths.data_dir, count=3)
    assert load(paths, test_fraction=0, channels=1).image_shape == (8, 8, 1)


def test_split_has_the_asked_part_and_no_more(paths):
    names = [f"{index}.png" for index in range(2000)]
    part = np.mean([picture_files.is_held_out(name, fraction=0.1) for name in names])
    # Four standard deviations of a binomial draw.
    assert abs(part - 0.1) < 4 * (0.1 * 0.9 / 2000) ** 0.5
    assert not any(picture_files.is_held_out(name, fraction=0) for name in names)


def test_split_does_not_depend_on_place_or_company(paths, tmp_path):
    samples.write_pictures(paths.data_dir)
    before = {image.tobytes() for image in load(paths, "test").images}
    moved = tmp_path / "moved"
    shutil.copytree(paths.data_dir, moved)
    samples.smooth((9, 9), seed=77).save(moved / "another.png")
    paths = dataclasses.replace(paths, data_dir=moved)
    after = {image.tobytes() for image in load(paths, "test").images}
    assert before <= after
    assert len(after) <= len(before) + 1


def test_folders_train_and_test_are_the_splits(paths):
    samples.write_pictures(paths.data_dir / "train", count=5)
    samples.write_pictures(paths.data_dir / "test", count=3)
    assert (len(load(paths, "train")), len(load(paths, "test"))) == (5, 3)


def test_folder_train_alone_is_a_folder_like_any_other(paths):
    samples.write_pictures(paths.data_dir / "train")
    assert len(load(paths, "train")) + len(load(paths, "test")) == 40


def test_broken_file_is_refused_by_name(paths):
    samples.write_pictures(paths.data_dir, count=4)
    (paths.data_dir / "a" / "broken.jpg").write_text("no picture")
    with pytest.raises(errors.Damaged, match=r"a/broken\.jpg"):
        load(paths, test_fraction=0)


def test_broken_file_is_skipped_with_a_warning(paths, caplog):
    samples.write_pictures(paths.data_dir, count=4)
    (paths.data_dir / "broken.jpg").write_text("no picture")
    assert len(load(paths, test_fraction=0, on_broken="skip")) == 4
    assert "skipped 1 broken" in caplog.text
    assert "broken.jpg" in caplog.text


def test_each_split_has_a_readable_picture_where_broken_ones_are_skipped(paths):
    samples.write_pictures(paths.data_dir, count=4)
    names = (f"broken{number}.jpg" for number in range(1000))
    held_out = next(name for name in names if picture_files.hashed(name) < 0.01)
    (paths.data_dir / held_out).write_text("no picture")
    how = {"test_fraction": 0.01, "on_broken": "skip"}
    assert [len(load(paths, split, **how)) for split in ("train", "test")] == [3, 1]


def test_changed_picture_is_decoded_anew(paths):
    samples.write_pictures(paths.data_dir, count=4)
    before = load(paths, test_fraction=0).digest
    samples.smooth((30, 30), seed=99).save(paths.data_dir / "picture_00.png")
    assert load(paths, test_fraction=0).digest != before


def test_folder_is_needed():
    with pytest.raises(errors.NotFound, match="no --data_dir"):
        load(paths_lib.DataPaths())


def test_empty_split_is_refused(paths):
    samples.write_pictures(paths.data_dir, count=3)
    with pytest.raises(errors.InvalidValue, match="test split must have at least one"):
        load(paths, "test", test_fraction=0)


@pytest.mark.parametrize(
    "options",
    [
        {"size": 0},
        {"channels": 2},
        {"on_broken": "keep"},
        {"test_fraction": 1},
        {"fit": "stretch"},
        {"crop": -1},
        {"background": "whitish"},
        {"background": "0,0,256"},
    ],
)
def test_option_out_of_range_is_refused(paths, options):
    (name,) = options
    with pytest.raises(errors.InvalidValue, match=f"{name}="):
        folder.Folder(paths, **options)


def test_crop_is_of_the_centre_alone(paths):
    with pytest.raises(errors.InvalidValue, match="--dataset.crop="):
        folder.Folder(paths, crop=8, fit="pad")


@pytest.mark.parametrize("test_fraction", [0.001, 0.999])
def test_each_split_has_a_picture_where_there_are_two(paths, test_fraction):
    samples.write_pictures(paths.data_dir, count=2)
    how = {"test_fraction": test_fraction}
    assert [len(load(paths, split, **how)) for split in ("train", "test")] == [1, 1]


def test_the_only_picture_is_trained_on(paths):
    samples.write_pictures(paths.data_dir, count=1)
    assert len(load(paths, test_fraction=0.999)) == 1


@pytest.mark.parametrize("train", ["train", "Train", "TRAINING"])
@pytest.mark.parametrize("test", ["test", "Testing", "val", "VALID", "validation"])
def test_usual_names_of_splits_are_known_in_any_case(paths, train, test):
    samples.write_pictures(paths.data_dir / train, count=5)
    samples.write_pictures(paths.data_dir / test, count=3)
    assert (len(load(paths, "train")), len(load(paths, "test"))) == (5, 3)


def test_what_is_left_out_is_reported(paths):
    for name, count in (("train", 5), ("test", 3), ("val", 2), ("", 1)):
        samples.write_pictures(paths.data_dir / name, count=count)
    assert (len(load(paths, "train")), len(load(paths, "test"))) == (5, 3)
    message = "\n".join(folder.Folder(paths, size=8).report())
    assert "folders train and test" in message
    assert "val is left out" in message
    assert "3 pictures outside of these folders are left out" in message


def test_two_folders_of_one_split_are_refused(paths):
    for name in ("train", "val", "valid"):
        samples.write_pictures(paths.data_dir / name, count=2)
    with pytest.raises(errors.InvalidValue, match="val, valid in"):
        load(paths)


@pytest.mark.parametrize("splits", [("",), ("train", "test")])
def test_folders_one_deep_are_classes(paths, splits):
    for split in splits:
        for number, name in enumerate(("cat", "dog")):
            place = paths.data_dir / split / name
            place.mkdir(parents=True)
            for index in range(4 + number):
                picture = samples.smooth((9, 9), seed=100 * number + index)
                picture.save(place / f"{index}.png")
    train, test = (load(paths, split).labels.tolist() for split in ("train", "test"))
    if len(splits) == 2:
        assert train == test == [0] * 4 + [1] * 5
    else:
        assert sorted(train + test) == [0] * 4 + [1] * 5
    assert "2 folders are classes: cat, dog" in folder.Folder(paths).report()


def test_a_class_can_be_left_out(paths):
    for number, name in enumerate(("cat", "dog")):
        for split, count in (("train", 3), ("val", 2)):
            place = paths.data_dir / split / name
            place.mkdir(parents=True)
            for index in range(count):
                samples.smooth((9, 9), seed=10 * number + index).save(
                    place / f"{index}.png"
                )
    inner = {"name": "folder", "size": 8}
    made = without.Without(paths, dataset=inner, label=1)
    assert made.load("train").labels.tolist() == [0, 0, 0]
    assert made.load_mixed().labels.tolist() == [0, 0, 1, 1]
    assert "2 folders are classes: cat, dog" in made.report()


def test_folders_of_several_depths_are_no_classes(paths):
    samples.write_pictures(paths.data_dir)
    assert load(paths).labels is None


def test_labels_fit_where_broken_files_are_skipped_also_from_the_cache(paths):
    for name in ("a", "b"):
        (paths.data_dir / name).mkdir()
        for index in range(3):
            picture = samples.smooth((9, 9), seed=index)
            picture.save(paths.data_dir / name / f"{index}.png")
    (paths.data_dir / "a" / "1.png").write_text("no picture")
    how = {"on_broken": "skip", "test_fraction": 0}
    for _ in range(2):
        assert load(paths, **how).labels.tolist() == [0, 0, 1, 1, 1]
    for file in paths.cache_dir.glob("*.json"):
        file.write_text("{}")
    assert load(paths, **how).labels.tolist() == [0, 0, 1, 1, 1]


def test_a_dangling_link_does_not_hide_the_classes(paths):
    for name in ("a", "b"):
        (paths.data_dir / name).mkdir()
        samples.smooth((9, 9), seed=0).save(paths.data_dir / name / "0.png")
    (paths.data_dir / "gone.png").symlink_to(paths.data_dir / "nothing")
    assert load(paths, on_broken="skip", test_fraction=0).labels.tolist() == [0, 1]


def test_report_counts_what_is_broken_enlarged_and_twice_there(paths, monkeypatch):
    for split, seeds in (("train", (0, 0, 1, 2)), ("test", (2, 3, 3))):
        (paths.data_dir / split).mkdir()
        for index, seed in enumerate(seeds):
            picture = samples.smooth((9, 9), seed=seed)
            picture.save(paths.data_dir / split / f"{index}.png")
    (paths.data_dir / "train" / "broken.png").write_text("no picture")
    made = folder.Folder(paths, size=12, on_broken="skip")
    first = made.report()
    message = "\n".join(first)
    assert "train: 4 of 5 pictures used; 4 were enlarged; skipped 1 broken" in message
    assert "broken.png" in message
    assert "test: 3 of 3 pictures used" in message
    assert "1 training images are exact duplicates of another" in message
    assert "1 test images are exact duplicates of another" in message
    assert "1 test images are also training images" in message
    monkeypatch.setattr(decoding, "chunks", None)  # from the cache from here on
    assert made.report() == first


def test_flips_double_the_training_split_alone(paths):
    for split in ("train", "test"):
        samples.write_pictures(paths.data_dir / split, count=3)
    plain, flipped = load(paths), load(paths, flips=True)
    np.testing.assert_array_equal(flipped.images[::2], plain.images)
    np.testing.assert_array_equal(flipped.images[1::2], plain.images[:, :, ::-1])
    assert load(paths, "test", flips=True).digest == load(paths, "test").digest
    message = "\n".join(folder.Folder(paths, size=8, flips=True).report())
    assert "each mirrored too" in message
    assert "repeat" not in message


def test_padding_and_background_are_seen(paths):
    clear = Image.new("RGBA", (8, 4), (255, 0, 0, 0))
    clear.save(paths.data_dir / "wide.png")
    Image.new("RGB", (8, 4), (255, 0, 0)).save(paths.data_dir / "full.png")
    how = {"fit": "pad", "background": "0,0,255", "test_fraction": 0}
    full, wide = load(paths, **how).images
    assert (wide == (0, 0, 255)).all()
    assert (full[2:6] == (255, 0, 0)).all()
    assert (np.r_[full[:2], full[6:]] == (0, 0, 255)).all()


def test_crop_is_kept(paths):
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[6:14, 6:14] = 255
    Image.fromarray(pixels).save(paths.data_dir / "square.png")
    assert load(paths, crop=8, test_fraction=0).images.min() == 255


@pytest.mark.parametrize("text", ["white", "#ffffff", "#fff", "255,255,255"])
def test_colours_are_said_in_several_ways(text):
    assert colours.parse(text) == (255, 255, 255)


def test_other_pictures_are_squared_as_those_of_the_set_are(paths):
    file = paths.data_dir / "wide.png"
    samples.smooth((9, 5), seed=0).save(file)
    options = {"size": 8, "fit": "pad", "background": "#102030", "test_fraction": 0}
    made = subset.Subset(paths, dataset={"name": "folder", **options}, count=1)
    found = pictures.square(file, size=8, **made.squaring)
    np.testing.assert_array_equal(found.pixels, made.load("train").images[0])
