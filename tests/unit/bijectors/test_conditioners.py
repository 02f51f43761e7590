# SPDX-License-Identifier: Apache-2.0
"""The networks of couplings on images against their formulas, written in NumPy."""

import numpy as np
import tensorflow as tf

from glf_tf.bijectors.conditioners import gated, residual
from tests import descriptors

SIZE, INPUTS, OUTPUTS, HIDDEN, DEPTH = (4, 5), 2, 3, 4, 2


def convolved(x, kernel, bias):
    """A convolution of stride 1, of images padded by zeros."""
    size = kernel.shape[0]
    margin = size // 2
    padded = np.pad(x, [(0, 0), (margin, margin), (margin, margin), (0, 0)])
    height, width = x.shape[1:3]
    result = np.zeros([*x.shape[:3], kernel.shape[-1]])
    for row in range(size):
        for column in range(size):
            window = padded[:, row : row + height, column : column + width]
            result += window @ kernel[row, column]
    return result + bias


def made(cls):
    network = cls((*SIZE, INPUTS), OUTPUTS, hidden=HIDDEN, depth=DEPTH, dtype="float64")
    descriptors.perturb(network, scale=0.3)
    x = np.random.default_rng(0).normal(size=(2, *SIZE, INPUTS))
    return network, x


def elu2(x):
    both = np.concatenate([x, -x], axis=-1)
    return np.where(both > 0, both, np.expm1(both))


def test_gated_blocks_are_those_of_the_tutorial():
    network, x = made(gated.GatedConditioner)

    def through(name, x):
        layer = getattr(network, name)
        return convolved(x, np.array(layer.kernel), np.array(layer.bias))

    h = through("input_conv", x)
    for block in range(DEPTH):
        gates = through(f"gate_{block}", elu2(through(f"inner_{block}", elu2(h))))
        value, opened = np.split(gates, 2, axis=-1)
        h = h + value / (1.0 + np.exp(-opened))
        norm = getattr(network, f"norm_{block}")
        variance = h.var(axis=-1, keepdims=True)
        h = (h - h.mean(axis=-1, keepdims=True)) / np.sqrt(variance + 1e-5)
        h = h * np.array(norm.gamma) + np.array(norm.beta)
    expected = through("output_conv", elu2(h))
    np.testing.assert_allclose(network(tf.constant(x)), expected, atol=1e-9)


def test_residual_blocks_are_those_of_real_nvp():
    network, x = made(residual.ResidualConditioner)
    network.start(tf.constant(3.0 + 2.0 * x))  # moving averages of their own

    def through(name, x):
        layer = getattr(network, name)
        direction = np.array(layer.direction)
        norm = np.sqrt((direction**2).sum(axis=(0, 1, 2)))
        kernel = np.array(layer.scale) * direction / norm
        return convolved(x, kernel, np.array(layer.bias))

    def normed(name, x):
        layer = getattr(network, name)
        deviation = np.sqrt(np.array(layer.moving_variance) + 1e-4)
        unit = (x - np.array(layer.moving_mean)) / deviation
        return unit * np.array(layer.gamma) + np.array(layer.beta)

    def relu(x):
        return np.maximum(x, 0.0)

    n = normed("input_norm", x)
    h = through("input_conv", relu(np.concatenate([n, -n], axis=-1)))
    summed = through("input_skip", h)
    for block in range(DEPTH):
        inner = h
        for part in ("first", "second"):
            inner = relu(normed(f"{part}_norm_{block}", inner))
            inner = through(f"{part}_{block}", inner)
        h = h + inner
        summed = summed + through(f"skip_{block}", h)
    expected = through("output_conv", relu(normed("output_norm", summed)))
    np.testing.assert_allclose(network(tf.constant(x)), expected, atol=1e-9)
