# SPDX-License-Identifier: Apache-2.0
"""Laws of every mask, and what each of them hides."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from glf_tf import catalogue, errors
from tests import descriptors

SHAPE = (8, 10, 3)
INDEX = tf.range(40, dtype=tf.int64)


def build(spec, *, shape=SHAPE):
    return catalogue.build("mask", spec, image_shape=shape)


def draw(spec, *, index=INDEX, seed=0):
    return tf.function(build(spec).draw)(index, seed=seed).numpy()


def picture(path, visible):
    Image.fromarray(np.uint8(255 * np.asarray(visible))).save(path)
    return {"name": "picture", "file": str(path)}


@pytest.fixture(params=sorted(descriptors.MASKS))
def spec(request):
    return descriptors.MASKS[request.param]


def test_every_mask_is_described():
    described = {catalogue.name_of(item) for item in descriptors.MASKS.values()}
    assert described | {"picture"} == set(catalogue.names("mask"))


def test_some_pixels_are_hidden_and_some_visible(spec):
    masks = draw(spec)
    assert masks.shape == (40, 8, 10, 1)
    assert masks.dtype == np.float32
    assert set(np.unique(masks)) == {0.0, 1.0}
    shares = masks.mean(axis=(1, 2, 3))
    assert (shares > 0).all()
    assert (shares < 1).all()


def test_a_mask_is_a_function_of_seed_and_index(spec):
    masks = draw(spec)
    chosen = tf.constant([7, 3, 7], tf.int64)
    np.testing.assert_array_equal(draw(spec, index=chosen), masks[[7, 3, 7]])
    np.testing.assert_array_equal(draw(spec), masks)


@pytest.mark.parametrize("name", ["square_random", "salt_and_pepper"])
def test_random_masks_differ_by_seed_and_by_index(name):
    spec = descriptors.MASKS[name]
    masks = draw(spec)
    assert len({item.tobytes() for item in masks}) > 20
    assert (draw(spec, seed=1) != masks).any()


@pytest.mark.parametrize(
    ("place", "rows", "columns"),
    [
        ("center", slice(2, 5), slice(3, 6)),
        ("top_left", slice(0, 3), slice(0, 3)),
        ("top_right", slice(0, 3), slice(7, 10)),
        ("bottom_left", slice(5, 8), slice(0, 3)),
        ("bottom_right", slice(5, 8), slice(7, 10)),
    ],
)
def test_a_square_is_where_it_is_said_to_be(place, rows, columns):
    expected = np.ones((8, 10))
    expected[rows, columns] = 0.0
    masks = draw({"name": "square", "size": 3, "place": place})
    assert (masks[..., 0] == expected).all()


def test_random_squares_are_squares_anywhere():
    masks = draw({"name": "square", "size": 3, "place": "random"})[..., 0]
    assert ((1.0 - masks).sum(axis=(1, 2)) == 9).all()
    for axis, room in ((1, 6), (2, 8)):
        firsts = (1.0 - masks).any(axis=3 - axis).argmax(axis=1)
        assert set(firsts) == set(range(room))


@pytest.mark.parametrize(
    ("side", "hidden"),
    [
        ("left", np.s_[:, :5]),
        ("right", np.s_[:, 5:]),
        ("top", np.s_[:4]),
        ("bottom", np.s_[4:]),
    ],
)
def test_a_half_is_hidden(side, hidden):
    expected = np.ones((8, 10))
    expected[hidden] = 0.0
    assert (draw({"name": "half", "side": side})[..., 0] == expected).all()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_salt_and_pepper_hides_its_share_evenly(share):
    many = tf.range(2000)
    masks = draw({"name": "salt_and_pepper", "share": share}, index=many)
    assert (80 - masks.sum(axis=(1, 2, 3)) == round(80 * share)).all()
    # Six standard deviations of the mean of 2,000 coins.
    np.testing.assert_allclose(masks.mean(axis=0), 1 - share, atol=6 * 0.5 / 2000**0.5)


def test_a_picture_shows_what_is_bright(tmp_path):
    visible = np.random.default_rng(0).random((8, 10)) < 0.5
    assert (draw(picture(tmp_path / "x.png", visible))[..., 0] == visible).all()


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"name": "square", "size": 9}, "must fit in the image"),
        ({"name": "square", "size": 0}, "must fit in the image"),
        ({"name": "salt_and_pepper", "share": 1.0}, "share=1.0"),
        ({"name": "salt_and_pepper", "share": 0.0}, "share=0.0"),
        ({"name": "salt_and_pepper", "share": 0.999}, "one visible"),
        ({"name": "picture", "file": "nowhere.png"}, "nowhere.png"),
    ],
)
def test_masks_that_hide_all_or_nothing_are_refused(spec, word):
    with pytest.raises(errors.UserError, match=word):
        build(spec)


def test_a_square_of_the_whole_image_is_refused():
    with pytest.raises(errors.InvalidValue, match="visible"):
        build({"name": "square", "size": 8}, shape=(8, 8, 1))


@pytest.mark.parametrize(
    ("visible", "word"),
    [
        (np.ones((8, 9)), "8x9"),
        (np.ones((8, 10)), "all visible"),
        (np.zeros((8, 10)), "all hidden"),
    ],
)
def test_pictures_of_another_size_or_one_kind_are_refused(visible, word, tmp_path):
    with pytest.raises(errors.InvalidValue, match=word):
        build(picture(tmp_path / "x.png", visible))
