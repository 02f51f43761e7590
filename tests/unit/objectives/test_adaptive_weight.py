# SPDX-License-Identifier: Apache-2.0
"""The weight of a judgement that follows the gradients' sizes."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.objectives import adaptive_weight


def weight(of_error, of_judgement):
    found = adaptive_weight.adaptive_weight(*map(tf.constant, (of_error, of_judgement)))
    return found.numpy()


def test_it_is_the_ratio_of_the_norms():
    error, judgement = np.float32([[3.0, 0.0], [0.0, 4.0]]), np.float32([[0.0, 0.02]])
    expected = 5.0 / (0.02 + 1e-4)
    np.testing.assert_allclose(weight(error, judgement), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("of_error", "of_judgement", "expected"),
    [(2.0, 0.0, 1e4), (0.0, 2.0, 0.0), (0.0, 0.0, 0.0), (1e-4, 0.0, 1.0)],
)
def test_it_is_bound(of_error, of_judgement, expected):
    found = weight([of_error, 0.0], [0.0, of_judgement])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_it_is_a_constant_to_gradients():
    with tf.GradientTape() as tape:
        slopes = tf.constant([1.0, 2.0]), tf.constant([3.0])
        tape.watch(slopes)
        found = adaptive_weight.adaptive_weight(*slopes)
    assert tape.gradient(found, slopes) == (None, None)
