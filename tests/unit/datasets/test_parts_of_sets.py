# SPDX-License-Identifier: Apache-2.0
"""Data sets made of others: the first images, without a class, with hidden pixels."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from glf_tf.data import paths as paths_lib
from glf_tf.data import pipeline
from glf_tf.datasets import digits
from glf_tf.models import abp, vae

PATHS = paths_lib.DataPaths()


def build(name, **options):
    return catalogue.build("dataset", {"name": name, **options}, paths=PATHS)


@pytest.fixture(scope="module")
def whole():
    found = digits.Digits(PATHS)
    return {split: found.load(split) for split in ("train", "test")}


def rows(found):
    return sorted(image.tobytes() for image in np.asarray(found.images))


# The first images.


def test_a_subset_is_the_first_training_images_and_the_whole_test_set(whole):
    found = build("subset", count=30)
    train, test = found.load("train"), found.load("test")
    np.testing.assert_array_equal(train.images, whole["train"].images[:30])
    np.testing.assert_array_equal(train.labels, whole["train"].labels[:30])
    np.testing.assert_array_equal(test.images, whole["test"].images)
    assert train.name == "30 digits"


def test_a_subset_keeps_hidden_pixels_hidden():
    hidden = {"name": "occluded", "mask": "half"}
    assert build("subset", dataset=hidden, count=30).load("train").masks is not None


@pytest.mark.parametrize("count", [0, 10**6])
def test_a_subset_has_no_more_than_there_are(count):
    with pytest.raises(errors.InvalidValue, match=f"count={count} of"):
        build("subset", count=count).load("train")


# Held out for validation.


def test_held_out_images_are_none_that_are_trained_on_or_tested_on(whole):
    found = build("held_out", count=30)
    parts = {split: found.load(split) for split in found.splits}
    assert [len(parts[split]) for split in ("train", "validation")] == [1403, 30]
    together = parts["train"].joined(parts["validation"])
    assert rows(together) == rows(whole["train"])
    assert rows(parts["test"]) == rows(whole["test"])
    assert len(set(parts["validation"].labels)) > 5  # of any class
    first, last = (np.flatnonzero(_is_in(parts["validation"], whole["train"])))[[0, -1]]
    assert last - first > len(whole["train"]) / 2  # from anywhere


def _is_in(part, whole):
    known = set(rows(part))
    return [image.tobytes() in known for image in np.asarray(whole.images)]


def test_held_out_images_keep_their_labels(whole):
    known = dict(
        zip(rows_as_they_are(whole["train"]), whole["train"].labels, strict=True)
    )
    for split in ("train", "validation"):
        found = build("held_out").load(split)
        labels = [known[row] for row in rows_as_they_are(found)]
        np.testing.assert_array_equal(found.labels, labels)


def rows_as_they_are(found):
    return [image.tobytes() for image in np.asarray(found.images)]


@pytest.mark.parametrize("count", [0, 1433, 10**6])
def test_held_out_images_leave_some(count):
    for split in ("train", "validation"):
        with pytest.raises(errors.InvalidValue, match=f"count={count} of"):
            build("held_out", count=count).load(split)


WRAPPERS = {
    "subset": {"count": 500},
    "without": {"label": 4},
    "occluded": {},
    "held_out": {"count": 50},
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_what_is_made_of_a_set_with_held_out_images_is_validated_on_them(name, whole):
    """Wherever they are held out: what chooses sees no test image."""
    inner = {"name": "held_out", "count": 60}
    train, validation = build(name, dataset=inner, **WRAPPERS[name]).load_for_training()
    assert validation.split == "validation"
    assert validation.masks is None
    for found, others in ((train, validation), (train, whole["test"])):
        assert not set(rows(found)) & set(rows(others))
    assert set(rows(validation)) <= set(rows(whole["train"]))


def test_held_out_images_are_not_pooled():
    with pytest.raises(errors.Unsupported, match="--dataset=held_out") as said:
        build("without", dataset="held_out", label=4, split="pooled")
    assert "\n" not in str(said.value)
    found = build(
        "held_out", dataset={"name": "without", "label": 4, "split": "pooled"}
    )
    assert found.load_for_training()[1].split == "validation"


# Without a class.


@pytest.mark.parametrize("split", ["standard", "pooled"])
def test_a_class_is_left_out_of_both_splits(split):
    found = build("without", label=4, split=split)
    for part in (found.load("train"), found.load("test")):
        assert set(part.labels) == set(range(10)) - {4}
        assert part.name == "digits without 4"


def test_the_standard_split_is_the_sets_own(whole):
    found = build("without", label=4)
    assert rows(found.load_mixed()) == rows(whole["test"])
    kept = whole["train"].labels != 4
    np.testing.assert_array_equal(
        found.load("train").images, whole["train"].images[kept]
    )


def test_the_pooled_split_trains_on_its_share_and_tests_on_the_rest(whole):
    found = build("without", label=4, split="pooled")
    train, mixed = found.load("train"), found.load_mixed()
    assert rows(train.joined(mixed)) == rows(whole["train"].joined(whole["test"]))
    normal = mixed.labels != 4
    assert len(train) == int(0.8 * (len(train) + normal.sum()))
    assert rows(found.load("test")) == rows(mixed.select(normal))
    assert (train.split, mixed.split) == ("train", "test")


def test_the_pooled_split_is_drawn_by_its_seed():
    first, again, other = (
        build("without", label=4, split="pooled", seed=seed).load("train")
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.images, again.images)
    assert rows(first) != rows(other)


@pytest.mark.parametrize("split", ["standard", "pooled"])
def test_mixed_images_keep_their_labels(split, whole):
    known = {
        image.tobytes(): label
        for part in whole.values()
        for image, label in zip(part.images, part.labels, strict=True)
    }
    mixed = build("without", label=7, split=split).load_mixed()
    expected = [known[image.tobytes()] for image in mixed.images]
    np.testing.assert_array_equal(mixed.labels, expected)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"label": 10}, r"one of \[0, 1, 2"),
        ({"train_share": 1.0}, "train_share=1.0"),
        ({"dataset": "occluded"}, "before pixels are hidden"),
    ],
)
def test_what_cannot_be_left_out_is_refused(options, word):
    with pytest.raises(errors.UserError, match=word):
        build("without", **options).load("train")


def test_a_set_without_labels_has_no_class_to_leave_out(monkeypatch, whole):
    unlabelled = dataclasses.replace(whole["train"], labels=None)
    monkeypatch.setattr(digits.Digits, "load", lambda self, split: unlabelled)
    with pytest.raises(errors.Unsupported, match="which has none"):
        build("without").load("train")


# With hidden pixels.


def first_batch(found):
    batches = pipeline.batches(found, batch_size=16, seed=0)
    return next(batches.as_numpy_iterator())


def test_batches_hide_what_the_mask_hides(whole):
    found = build("occluded", mask={"name": "salt_and_pepper", "share": 0.75}, seed=3)
    batch = first_batch(found.load("train"))
    assert batch["mask"].shape == (16, 8, 8, 1)
    assert (batch["mask"].sum(axis=(1, 2, 3)) == 16).all()
    images = whole["train"].images[batch["index"]] / np.float32(255)
    np.testing.assert_allclose(batch["image"], batch["mask"] * images, rtol=1e-6)


def test_an_image_has_the_same_mask_each_time():
    found = build("occluded").load("train")
    batch = first_batch(found)
    masks = found.masks(tf.constant(batch["index"])).numpy()
    np.testing.assert_array_equal(batch["mask"], masks)
    other = build("occluded", seed=1).load("train")
    assert (first_batch(other)["mask"] != masks).any()


def test_nobody_can_see_hidden_pixels(whole):
    """Another set that differs in hidden pixels alone gives the same batches."""
    found = build("occluded").load("train")
    # Traced: so many masks take as many eager loops.
    masks = tf.function(found.masks, autograph=False)
    hidden = masks(tf.range(len(found), dtype=tf.int64)).numpy() == 0
    other = dataclasses.replace(found, images=np.where(hidden, 77, found.images))
    assert (other.images != found.images).any()
    for source in (pipeline.batches, pipeline.evaluation_batches):
        options = {"seed": 0} if source is pipeline.batches else {}
        one, two = (
            next(source(part, batch_size=64, **options).as_numpy_iterator())
            for part in (found, other)
        )
        np.testing.assert_array_equal(one["image"], two["image"])


def test_test_images_and_stored_images_are_whole(whole):
    found = build("occluded")
    assert found.load("test").masks is None
    for split in ("train", "test"):
        part = found.load(split)
        np.testing.assert_array_equal(part.images, whole[split].images)


def test_a_class_can_be_left_out_and_pixels_hidden():
    inner = {"name": "without", "label": 2}
    found = build("occluded", dataset=inner).load("train")
    assert 2 not in found.labels
    assert "mask" in first_batch(found)


def test_models_that_would_learn_from_hidden_pixels_refuse_them():
    found = build("occluded").load("train")
    assert abp.ABP.arguments_of(found)["num_images"] == len(found)
    with pytest.raises(errors.Unsupported, match="VAE for occluded digits"):
        vae.VAE.arguments_of(found)
