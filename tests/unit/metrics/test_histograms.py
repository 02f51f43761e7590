# SPDX-License-Identifier: Apache-2.0
"""What counting alone reaches, against counts by hand."""

import numpy as np

from glf_tf.metrics import histograms


def images(count, *, seed):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 3, 4, 2), dtype=np.uint8)


def test_bits_per_pixel_are_those_of_counts_by_hand():
    train, test = images(7, seed=0), images(3, seed=1)
    bits = []
    for place in np.ndindex(*train.shape[1:]):
        for value in test[(slice(None), *place)]:
            count = np.sum(train[(slice(None), *place)] == value)
            bits.append(-np.log2((count + 1 / 256) / (len(train) + 1)))
    np.testing.assert_allclose(histograms.per_pixel(train, test), np.mean(bits))


def test_neighbours_are_the_left_and_the_upper_one_of_the_same_channel():
    train, test = images(7, seed=0), images(3, seed=1)

    def contexts(image):
        for row, column, channel in np.ndindex(*image.shape):
            left = image[row, column - 1, channel] // 16 if column else 0
            upper = image[row - 1, column, channel] // 16 if row else 0
            yield (left, upper, channel), image[row, column, channel]

    seen = [pair for image in train for pair in contexts(image)]
    bits = []
    for context, value in (pair for image in test for pair in contexts(image)):
        of_context = [other for known, other in seen if known == context]
        count = of_context.count(value)
        bits.append(-np.log2((count + 1 / 256) / (len(of_context) + 1)))
    found = histograms.given_neighbours(train, test)
    np.testing.assert_allclose(found, np.mean(bits))


def test_images_of_one_value_need_no_bits():
    black = np.zeros((2000, 2, 2, 1), np.uint8)
    for bits in (histograms.per_pixel, histograms.given_neighbours):
        assert 0 <= bits(black, black[:5]) < 1e-3
