# SPDX-License-Identifier: Apache-2.0
"""Three digits as the channels of an image, each combination as often as any other."""

import numpy as np
import pytest

from glf_tf import catalogue, errors
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits

PATHS = paths_lib.DataPaths()


def build(**options):
    spec = {"name": "stacked_mnist", "dataset": "digits", **options}
    return catalogue.build("dataset", spec, paths=PATHS)


@pytest.fixture(scope="module")
def whole():
    found = digits.Digits(PATHS)
    return {split: found.load(split) for split in ("train", "test")}


@pytest.mark.parametrize("split", ["train", "test"])
def test_each_channel_is_an_image_of_its_digit_and_of_this_split(split, whole):
    found = build(count=300, test_count=200).load(split)
    assert found.images.shape == ({"train": 300, "test": 200}[split], 8, 8, 3)
    part = whole[split]
    known = {
        (image.tobytes(), int(label))
        for image, label in zip(part.images, part.labels, strict=True)
    }
    hundreds, tens, ones = (
        found.labels // 100,
        found.labels // 10 % 10,
        found.labels % 10,
    )
    for channel, labels in enumerate((hundreds, tens, ones)):
        for image, label in zip(found.images[..., channel], labels, strict=True):
            assert (image[..., None].tobytes(), int(label)) in known


def test_each_label_is_as_frequent_as_any_other():
    found = build(count=2500).load("train")
    counts = np.bincount(found.labels, minlength=1000)
    assert set(counts) == {2, 3}
    assert counts.sum() == 2500
    few = build(count=300).load("train").labels
    assert len(set(few)) == 300
    assert min(few) < 50
    assert max(few) > 950


def test_images_of_a_digit_are_drawn_alike(whole):
    """All of them are drawn, none of them far more often than the others."""
    found = build(count=30_000).load("train")
    drawn = {}
    for image in found.images[..., 1]:
        drawn[image.tobytes()] = drawn.get(image.tobytes(), 0) + 1
    assert set(drawn) == {image.tobytes() for image in whole["train"].images}
    assert max(drawn.values()) < 3 * 30_000 / len(whole["train"])


def test_order_and_channels_are_random():
    labels = build(count=4000).load("train").labels
    digits = np.stack([labels // 100, labels // 10 % 10, labels % 10, labels])
    assert np.all(np.abs(np.corrcoef(digits[:3]) - np.eye(3)) < 0.1)
    assert abs(np.corrcoef(labels[1:], labels[:-1])[0, 1]) < 0.1
    assert abs(np.corrcoef(labels[1000:], labels[:-1000])[0, 1]) < 0.1


def test_a_seed_is_a_data_set():
    first, again, other = (
        build(count=50, seed=seed).load("train") for seed in (0, 0, 2**31 - 1)
    )
    assert first.identity == again.identity
    assert first.digest != other.digest


def test_splits_are_drawn_apart():
    found = build(count=200, test_count=200)
    labels = [found.load(split).labels for split in ("train", "test")]
    assert np.mean(labels[0] == labels[1]) < 0.1


def test_digits_held_out_are_the_channels_of_a_validation():
    inner = {"name": "held_out", "count": 100}
    train, validation = build(
        dataset=inner, count=300, test_count=40
    ).load_for_training()
    assert (validation.split, len(validation)) == ("validation", 40)

    def channels(images):
        return {image.tobytes() for image in np.moveaxis(images, -1, 1).reshape(-1, 64)}

    assert not channels(train.images) & channels(validation.images)


def test_labels_that_a_split_does_not_have_are_not_stacked():
    found = build(dataset={"name": "without", "label": 4}, count=2000).load("train")
    assert len(set(found.labels)) == 9**3
    assert not any("4" in str(label) for label in set(found.labels))


@pytest.mark.parametrize("count", [0, -5])
@pytest.mark.parametrize("name", ["count", "test_count"])
def test_a_split_has_an_image(name, count):
    with pytest.raises(errors.InvalidValue, match=f"{name}={count}"):
        build(**{name: count})


def test_negative_seeds_are_refused():
    with pytest.raises(errors.InvalidValue, match="seed=-1"):
        build(seed=-1)


def test_hidden_pixels_are_not_stacked():
    with pytest.raises(errors.Unsupported, match="--dataset=occluded"):
        build(dataset="occluded").load("train")


def test_stacks_are_not_stacked():
    inner = {"name": "stacked_mnist", "dataset": "digits", "count": 20}
    with pytest.raises(errors.Unsupported, match=r"\(8, 8, 3\)"):
        build(dataset=inner).load("train")


@pytest.mark.parametrize(
    ("labels", "words"),
    [(None, "without labels"), ([0, 1, 10, 2], r"\[10\]"), ([0, -1, 2, 3], r"\[-1\]")],
)
def test_labels_are_digits(labels, words, tmp_path):
    np.save(tmp_path / "train.npy", np.zeros([4, 8, 8], np.uint8))
    if labels is not None:
        np.save(tmp_path / "train_labels.npy", np.array(labels))
    spec = {"name": "stacked_mnist", "dataset": "arrays"}
    paths = paths_lib.DataPaths(data_dir=tmp_path)
    with pytest.raises(errors.UserError, match=words) as said:
        catalogue.build("dataset", spec, paths=paths).load("train")
    assert "\n" not in str(said.value)
