# SPDX-License-Identifier: Apache-2.0
"""The residual block of R3GAN against loops, and what it is at the start."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf.layers import grouped_residual


def made(*, channels=6, group_size=3, **options):
    """A block, and images of as many channels."""
    block = grouped_residual.GroupedResidual(group_size=group_size, **options)
    block.build((None, 4, 5, channels))
    x = np.random.default_rng(0).normal(size=(2, 4, 5, channels)).astype(np.float32)
    return block, x


def perturbed(block):
    generator = np.random.default_rng(1)
    for variable in block.trainable_variables:
        variable.assign(0.3 * generator.normal(size=variable.shape))
    return block


def leaky(x):
    return np.where(x > 0.0, x, 0.2 * x)


def by_loops(block, x, *, group_size):
    """The block's formula in NumPy, one output channel and position after the other."""
    kernels = [np.array(item) for item in (block.kernel_0, block.kernel_1)]
    h = leaky(x @ kernels[0][0, 0] + np.array(block.bias_0))
    padded = np.pad(h, [(0, 0), (1, 1), (1, 1), (0, 0)])
    batch, height, width, inner = h.shape
    y = np.zeros_like(h)
    for channel in range(inner):
        first = channel // group_size * group_size
        own = padded[..., first : first + group_size]
        for row in range(height):
            for column in range(width):
                patch = own[:, row : row + 3, column : column + 3]
                product = patch * kernels[1][..., channel]
                y[:, row, column, channel] = product.sum(axis=(1, 2, 3))
    return x + leaky(y + np.array(block.bias_1)) @ np.array(block.kernel_2)[0, 0]


@pytest.mark.parametrize("group_size", [3, 4, 12])
@pytest.mark.parametrize("is_traced", [False, True])
def test_it_is_its_formula(group_size, is_traced):
    block, x = made(group_size=group_size)
    perturbed(block)
    call = tf.function(block) if is_traced else block
    expected = by_loops(block, x, group_size=group_size)
    np.testing.assert_allclose(call(x), expected, atol=1e-5)
    assert np.abs(expected - x).max() > 0.1


def test_at_the_start_it_changes_nothing_and_its_last_kernel_learns():
    block, x = made()
    np.testing.assert_array_equal(block(x), x)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.square(block(x)))
    slope = tape.gradient(value, block.kernel_2.value)
    assert np.abs(slope).max() > 0.1


@pytest.mark.parametrize(("depth", "share"), [(1, 1.0), (16, 0.5)])
def test_kernels_start_smaller_the_deeper_the_network(depth, share):
    block, _ = made(channels=64, group_size=16, depth=depth)
    gain = np.sqrt(2.0 / 1.04)
    for kernel, fan_in in ((block.kernel_0, 64), (block.kernel_1, 9 * 16)):
        expected = share * gain / np.sqrt(fan_in)
        np.testing.assert_allclose(np.std(kernel), expected, rtol=0.05)


def by_one_convolution(block, x, *, group_size):
    """The block with zeros in its kernel where it sees other groups."""
    kernel = tf.convert_to_tensor(block.kernel_1)
    side, _, _, inner = kernel.shape
    count = inner // group_size
    own = tf.reshape(kernel, [side, side, 1, group_size, count, group_size])
    mask = tf.reshape(tf.eye(count), [1, 1, count, 1, count, 1])
    whole = tf.reshape(own * mask, [side, side, inner, inner])
    h = tf.nn.conv2d(x, block.kernel_0.value, 1, "SAME") + block.bias_0.value
    h = tf.nn.conv2d(tf.nn.leaky_relu(h, 0.2), whole, 1, "SAME") + block.bias_1.value
    return x + tf.nn.conv2d(tf.nn.leaky_relu(h, 0.2), block.kernel_2.value, 1, "SAME")


def test_penalties_have_gradients():
    """Those of a penalty on the gradient are of the second order."""
    block, x = made(group_size=4)
    perturbed(block)
    variables, found = [v.value for v in block.trainable_variables], []
    for call in (block, lambda x: by_one_convolution(block, x, group_size=4)):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as tape:
                image = tf.constant(x)
                tape.watch(image)
                total = tf.reduce_sum(call(image) ** 2)
            penalty = tf.reduce_sum(tape.gradient(total, image) ** 2)
        found.append(outer.gradient(penalty, variables))
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-2)
        assert np.abs(expected).max() > 1.0
