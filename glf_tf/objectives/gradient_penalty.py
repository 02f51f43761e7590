# SPDX-License-Identifier: Apache-2.0
"""Penalties on the gradient of a critic with respect to images, and where it is taken.

Gulrajani et al.: Improved Training of Wasserstein GANs, 2017 (WGAN-GP).
https://arxiv.org/abs/1704.00028
Kodali, Abernethy, Hays, Kira: On Convergence and Stability of GANs, 2017 (DRAGAN).
https://arxiv.org/abs/1705.07215
Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge?, 2018
(R1, R2). https://arxiv.org/abs/1801.04406

The critic is given as a function from images to scores, `[batch]`. Each score must
depend on its own image alone, which batch normalisation would break.
"""

__all__ = ["around", "between", "off_one", "squared_norm"]

from collections.abc import Callable

import tensorflow as tf

from glf_tf import seeds, types

NORM_SLACK = 1e-4
"""Added below the root of the norm, so that it has a gradient where the norm is 0."""

_SHARE_OF_DEVIATION = 0.5


def squared_norm(judge: Callable, image: tf.Tensor) -> tf.Tensor:
    """Returns `|grad judge(x)|^2` at each image, `[batch]`, zero-centred penalties.

    Args:
        judge: Function from images to scores, `[batch]`.
        image: `[batch, height, width, channels]`.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(image)
        total = tf.reduce_sum(judge(image))
    slope = tf.cast(tape.gradient(total, image), tf.float32)
    return tf.reduce_sum(tf.square(slope), axis=[1, 2, 3])


def off_one(squared: tf.Tensor) -> tf.Tensor:
    """Returns `(norm - 1)^2` of squared norms, `[batch]`, one-centred penalties.

    With `norm = sqrt(1e-4 + squared)`.
    """
    return tf.square(tf.sqrt(NORM_SLACK + squared) - 1.0)


def between(real: tf.Tensor, made: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
    """Returns a point between each real image and a made one, `x + a (G - x)`.

    Args:
        real: `[batch, height, width, channels]`.
        made: Of the same shape.
        seed: Of `a ~ U(0, 1)`, one for each pair.
    """
    return real + _shares(real, seed=seed) * (made - real)


def around(real: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
    """Returns a point beside each real image, `x + a s U / 2`.

    `s` is the standard deviation of all values of the batch, `U ~ U(0, 1)` for each of
    them, and `a ~ U(0, 1)` for each image: noise that is never negative, as in the code
    of DRAGAN's authors.

    Deviation: the paper has normal noise, without `a`.

    Args:
        real: `[batch, height, width, channels]`.
        seed: A stateless seed.
    """
    share_seed, noise_seed = seeds.split(seed, 2)
    noise = tf.random.stateless_uniform(tf.shape(real), noise_seed, dtype=real.dtype)
    deviation = tf.math.reduce_std(real)
    scale = _SHARE_OF_DEVIATION * deviation * _shares(real, seed=share_seed)
    return real + scale * noise


def _shares(image: tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
    """Returns a number of U(0, 1) for each image, `[batch, 1, 1, 1]`."""
    shape = [tf.shape(image)[0], 1, 1, 1]
    return tf.random.stateless_uniform(shape, seeds.make(seed), dtype=image.dtype)
