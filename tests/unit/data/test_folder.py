# SPDX-License-Identifier: Apache-2.0
import dataclasses
import shutil

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.data import dataset, folder, picture_files
from tests.unit.data import samples


def load(places, split="train", **options):
    return folder.Folder(places, size=8, **options).load(split)


def test_pictures_of_any_kind_and_depth_are_found(places):
    samples.write_pictures(places.data_dir, count=12)
    (places.data_dir / "README.txt").write_text("no picture")
    (places.data_dir / "._picture_00.png").write_text("no picture")
    (places.data_dir / ".hidden").mkdir()
    (places.data_dir / ".hidden" / "a.png").write_text("no picture")
    found = load(places, test_fraction=0)
    assert found.images.shape == (12, 8, 8, 3)
    assert found.labels is None


def test_one_channel_is_grey(places):
    samples.write_pictures(places.data_dir, count=3)
    assert load(places, test_fraction=0, channels=1).image_shape == (8, 8, 1)


def test_split_has_the_asked_part_and_no_more(places):
    names = [f"{index}.png" for index in range(2000)]
    part = np.mean([picture_files.is_held_out(name, fraction=0.1) for name in names])
    # Four standard deviations of a binomial draw.
    assert abs(part - 0.1) < 4 * (0.1 * 0.9 / 2000) ** 0.5
    assert not any(picture_files.is_held_out(name, fraction=0) for name in names)


def test_split_does_not_depend_on_place_or_company(places, tmp_path):
    samples.write_pictures(places.data_dir)
    before = {image.tobytes() for image in load(places, "test").images}
    moved = tmp_path / "moved"
    shutil.copytree(places.data_dir, moved)
    samples.smooth((9, 9), seed=77).save(moved / "another.png")
    places = dataclasses.replace(places, data_dir=moved)
    after = {image.tobytes() for image in load(places, "test").images}
    assert before <= after
    assert len(after) <= len(before) + 1


def test_folders_train_and_test_are_the_splits(places):
    samples.write_pictures(places.data_dir / "train", count=5)
    samples.write_pictures(places.data_dir / "test", count=3)
    assert (len(load(places, "train")), len(load(places, "test"))) == (5, 3)


def test_folder_train_alone_is_a_folder_like_any_other(places):
    samples.write_pictures(places.data_dir / "train")
    assert len(load(places, "train")) + len(load(places, "test")) == 40


def test_broken_file_is_refused_by_name(places):
    samples.write_pictures(places.data_dir, count=4)
    (places.data_dir / "a" / "broken.jpg").write_text("no picture")
    with pytest.raises(errors.Damaged, match=r"a/broken\.jpg"):
        load(places, test_fraction=0)


def test_broken_file_is_skipped_with_a_warning(places, caplog):
    samples.write_pictures(places.data_dir, count=4)
    (places.data_dir / "broken.jpg").write_text("no picture")
    assert len(load(places, test_fraction=0, on_broken="skip")) == 4
    assert "skipped 1 broken" in caplog.text
    assert "broken.jpg" in caplog.text


def test_changed_picture_is_decoded_anew(places):
    samples.write_pictures(places.data_dir, count=4)
    before = load(places, test_fraction=0).digest
    samples.smooth((30, 30), seed=99).save(places.data_dir / "picture_00.png")
    assert load(places, test_fraction=0).digest != before


def test_folder_is_needed():
    with pytest.raises(errors.NotFound, match="no --data_dir"):
        load(dataset.Places())


def test_empty_split_is_refused(places):
    samples.write_pictures(places.data_dir, count=3)
    with pytest.raises(errors.InvalidValue, match="test split must have at least one"):
        load(places, "test", test_fraction=0)


@pytest.mark.parametrize(
    "options",
    [{"size": 0}, {"channels": 2}, {"on_broken": "keep"}, {"test_fraction": 1}],
)
def test_option_out_of_range_is_refused(places, options):
    (name,) = options
    with pytest.raises(errors.InvalidValue, match=f"--dataset.{name}="):
        folder.Folder(places, **options)
