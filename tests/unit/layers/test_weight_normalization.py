# SPDX-License-Identifier: Apache-2.0
"""Weight normalisation of convolutions."""

import numpy as np
import tensorflow as tf

from glf_tf.layers import weight_normalization


def test_kernels_have_the_norms_of_the_scale_whatever_the_direction():
    layer = weight_normalization.WeightNormConv2D(3, 2, scale_start=4.0)
    x = tf.random.stateless_normal([2, 5, 6, 3], (0, 0))
    direction = np.array(layer.direction)
    norms = np.sqrt((direction**2).sum(axis=(0, 1, 2)))
    layer.bias.assign([1.0, -1.0])
    expected = tf.nn.conv2d(x, 4.0 * direction / norms, 1, "SAME") + [1.0, -1.0]
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    layer.direction.assign(7.0 * direction)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_the_scale_is_learned_and_paid_for_by_options():
    layer = weight_normalization.WeightNormConv2D(3, 2, scale_l2=0.5)
    np.testing.assert_allclose(layer.losses[0], 0.5 * 2.0)
    fixed = weight_normalization.WeightNormConv2D(3, 2, is_scale_learned=False)
    assert "scale" not in [variable.name for variable in fixed.trainable_variables]
    assert not fixed.losses
