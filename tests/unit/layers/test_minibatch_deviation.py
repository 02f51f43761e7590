# SPDX-License-Identifier: Apache-2.0
"""The statistic of a minibatch against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.layers import minibatch_deviation


@pytest.mark.parametrize("shape", [(4, 3, 5, 2), (3, 6), (1, 2, 2, 1)])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_it_adds_the_mean_deviation_to_the_features(shape, dtype):
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    layer = minibatch_deviation.MinibatchDeviation(dtype=dtype)
    y = layer(x)
    assert y.shape == (*shape[:-1], shape[-1] + 1) == layer.compute_output_shape(shape)
    assert y.dtype == layer.compute_dtype
    # Bfloat16 has eight bits.
    tolerance = 1e-5 if dtype == "float32" else 1e-2
    y = np.asarray(tf.cast(y, tf.float32))
    np.testing.assert_allclose(y[..., :-1], x, rtol=tolerance)
    expected = np.mean(np.sqrt(np.var(x, axis=0) + 1e-8))
    np.testing.assert_allclose(y[..., -1], expected, rtol=tolerance)
    assert (expected > 0.1) == (shape[0] > 1)


def test_equal_images_have_a_gradient():
    x = tf.ones([3, 2, 2, 1])
    layer = minibatch_deviation.MinibatchDeviation()
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(layer(x)[..., -1])
    assert np.all(np.isfinite(tape.gradient(value, x)))
