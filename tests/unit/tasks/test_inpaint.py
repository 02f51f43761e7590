# SPDX-License-Identifier: Apache-2.0
"""Completing and recovering images of which a part is hidden."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from glf_tf.inference import langevin
from glf_tf.tasks import infer, inpaint, recover
from tests import descriptors

DATA = descriptors.images(6)
IMAGES = DATA.images
MASK = catalogue.build("mask", "salt_and_pepper", image_shape=(8, 8, 1))
MASKS = MASK.draw(tf.range(6), seed=0).numpy()
OCCLUDED = dataclasses.replace(DATA, masks=lambda index: MASK.draw(index, seed=0))
LONG = langevin.Langevin(steps=60, step_size=0.05, noise=False)


@pytest.fixture(scope="module")
def inference():
    return infer.Inference(descriptors.model("lfbm"))


def test_attempts_differ_and_are_the_same_for_the_same_seed(inference):
    made = inpaint.inpaint(inference, IMAGES, MASKS, attempts=3, seed=1)
    assert made.shape == (6, 3, 8, 8, 1)
    assert np.abs(made[:, 0] - made[:, 1]).max() > 1e-2
    again = inpaint.inpaint(inference, IMAGES, MASKS, attempts=2, seed=1)
    np.testing.assert_allclose(again, made[:, :2], atol=1e-5)


def test_hidden_pixels_have_no_say(inference):
    other = np.where(MASKS == 1.0, IMAGES, 200).astype(np.uint8)
    np.testing.assert_allclose(
        *(
            inpaint.inpaint(inference, item, MASKS, attempts=1)
            for item in (IMAGES, other)
        ),
        atol=1e-5,
    )


def test_longer_chains_come_nearer_to_what_is_visible(inference):
    given = infer.to_unit(IMAGES)
    far = []
    for item in (inference, infer.Inference(inference.model, chain=LONG)):
        made = inpaint.inpaint(item, IMAGES, MASKS, attempts=1)[:, 0]
        far.append(np.mean(MASKS * (made - given) ** 2))
    assert far[1] < far[0]


def test_visible_pixels_can_be_kept():
    made = np.full((6, 2, 8, 8, 1), 0.25, np.float32)
    kept = inpaint.with_visible(made, images=IMAGES, masks=MASKS)
    for attempt in (0, 1):
        np.testing.assert_array_equal(
            kept[:, attempt], np.where(MASKS == 1, infer.to_unit(IMAGES), 0.25)
        )


def test_a_row_has_original_masked_and_completions():
    made = np.stack([np.full((6, 8, 8, 1), shade) for shade in (0.2, 0.7)], axis=1)
    rows = inpaint.panel(IMAGES, masks=MASKS, completions=made)
    rows = rows.reshape([6, 4, 8, 8, 1])
    given = infer.to_unit(IMAGES)
    np.testing.assert_array_equal(rows[:, 0], given)
    np.testing.assert_allclose(rows[:, 1], np.where(MASKS == 1, given, 0.5))
    np.testing.assert_allclose(rows[:, 2:], made)


def _all_hidden_in_one():
    masks = MASKS.copy()
    masks[4] = 0.0
    return masks


@pytest.mark.parametrize(
    ("masks", "word"),
    [
        (_all_hidden_in_one(), "all hidden in image 4"),
        (MASKS[:5], "height and width"),
        (MASKS[:, :, :7], "height and width"),
        (0.5 * MASKS, "1 where a pixel is visible"),
    ],
)
def test_masks_that_do_not_fit_are_refused(inference, masks, word):
    with pytest.raises(errors.InvalidValue, match=word):
        inpaint.inpaint(inference, IMAGES, masks)


def test_no_attempt_is_refused(inference):
    with pytest.raises(errors.InvalidValue, match="attempts=0"):
        inpaint.inpaint(inference, IMAGES, MASKS, attempts=0)


def test_recovery_is_from_what_was_visible_in_training(inference):
    masks = recover.masks_of(OCCLUDED)
    np.testing.assert_array_equal(masks, MASKS)
    found = recover.recover(inference, OCCLUDED, masks, seed=2)
    expected = inference.reconstruct(IMAGES, MASKS, seed=2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_chains_that_persist_go_on_where_they_were():
    model = descriptors.model("abp")
    one_step = langevin.Langevin(steps=1, step_size=1e-4, noise=False)
    found = recover.recover(infer.Inference(model, chain=one_step), OCCLUDED, MASKS)
    kept = model.decode(model.store.read(tf.range(6)))
    np.testing.assert_allclose(found, kept, atol=1e-3)


def test_recovery_starts_from_an_encoder_that_knows_hidden_pixels():
    for name, start in (("lfbm_vae", "encoder"), ("lfbm", "auto")):
        assert recover.start_of(descriptors.model(name), "auto") == start
    assert recover.start_of(descriptors.model("lfbm_vae"), "prior") == "prior"


def test_recovery_takes_a_set_with_hidden_pixels():
    with pytest.raises(errors.InvalidValue, match="dataset=occluded"):
        recover.masks_of(DATA)
