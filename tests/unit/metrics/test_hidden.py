# SPDX-License-Identifier: Apache-2.0
"""Tests of glf_tf.metrics.hidden, by hand."""

import numpy as np
import pytest

from glf_tf.metrics import hidden


def test_error_is_of_hidden_pixels_and_of_all():
    images, masks = np.zeros([2, 4, 5, 3]), np.ones([2, 4, 5, 1])
    made = images.copy()
    masks[0, 0, :4] = 0.0  # 12 of the 120 values are hidden
    made[0, 0, :2] = 0.5  # 6 of them are off by 0.5,
    made[1, 3, 4] = 1.0  # and 3 visible ones by 1
    found = hidden.hidden_error(images, made=made, masks=masks)
    assert found.hidden_unit == pytest.approx(6 * 0.25 / 12)
    assert found.all_unit == pytest.approx((6 * 0.25 + 3) / 120)
    assert found.hidden_symmetric == pytest.approx(4 * found.hidden_unit)
    assert found.all_symmetric == pytest.approx(4 * found.all_unit)
    assert found.hidden_share == pytest.approx(0.1)
    assert found.count == 2


def test_uint8_images_are_those_in_the_unit_interval():
    images = np.full([1, 2, 2, 1], 255, np.uint8)
    masks = np.zeros([1, 2, 2, 1])
    found = hidden.hidden_error(images, made=np.zeros([1, 2, 2, 1]), masks=masks)
    assert found.hidden_unit == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("masks", "word"),
    [
        (np.ones([1, 2, 2, 1]), "without hidden pixels"),
        (np.zeros([1, 2, 3, 1]), "each image"),
    ],
)
def test_masks_that_do_not_fit_are_refused(masks, word):
    image = np.zeros([1, 2, 2, 1])
    with pytest.raises(ValueError, match=word):
        hidden.hidden_error(image, made=image, masks=masks)
