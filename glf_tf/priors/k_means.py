# SPDX-License-Identifier: Apache-2.0
"""Clusters of codes by k-means, as the start of a mixture.

Arthur, Vassilvitskii: k-means++: The Advantages of Careful Seeding, 2007, section 2.2,
each centre the best of a few draws, which the authors recommend in section 7; then
Lloyd: Least Squares Quantization in PCM, 1982.
"""

__all__ = ["centers", "members"]

import math

import tensorflow as tf

from glf_tf import seeds, tracing, types
from glf_tf.priors import code_sums

_LLOYD_ITERATIONS = 50


def centers(z: tf.Tensor, count: int, *, seed: types.Seed) -> tf.Tensor:
    """Returns the centres of clusters, float32 `[count, dim]`.

    A cluster without codes, as there are where fewer codes differ, stays where it
    started.

    Args:
        z: Codes in columns, `[dim, size]`.
        count: Number of clusters.
        seed: The seed of the first centres.
    """
    z = tf.cast(z, tf.float32)
    found = _spread(z, count, seed=seed)
    for _ in range(_LLOYD_ITERATIONS):
        found = _lloyd_iteration(z, found)
    return found


def members(found: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    """Returns 1 where a centre is the nearest of a code, float32 `[count, size]`."""
    half = 0.5 * tf.reduce_sum(tf.square(found), axis=1, keepdims=True)
    nearness = tf.matmul(found, tf.cast(z, found.dtype)) - half
    return tf.one_hot(tf.argmax(nearness, axis=0), found.shape[0], axis=0)


def _spread(z: tf.Tensor, count: int, *, seed: types.Seed) -> tf.Tensor:
    """Returns codes that lie apart, `[count, dim]`, by k-means++."""
    first = tf.random.stateless_uniform([], seeds.fold(seed, 0), 0, z.shape[1], "int32")
    chosen = [z[:, first]]
    nearest = _squared_distances(z, chosen[0][:, None])[0]
    draws = 2 + int(math.log(count))
    for item in range(1, count):
        center, nearest = _next(z, nearest, draws, seed=seeds.fold(seed, item))
        chosen.append(center)
    return tf.stack(chosen)


@tracing.by_size
def _next(z, nearest, draws, *, seed):
    """Returns the best of some draws by squared distance, and the distances left."""
    ends = tf.cumsum(nearest)
    places = tf.random.stateless_uniform([draws], seed, dtype=z.dtype) * ends[-1]
    # All codes may be equal: then there is no distance left.
    index = tf.minimum(tf.searchsorted(ends, places, side="right"), z.shape[1] - 1)
    drawn = tf.gather(z, index, axis=1)
    left = tf.minimum(nearest, _squared_distances(z, drawn))
    best = tf.argmin(tf.reduce_sum(left, axis=1))
    return drawn[:, best], left[best]


def _squared_distances(z: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Returns `[n, size]` for `n` points in columns."""
    lengths = tf.reduce_sum(tf.square(points), axis=0)[:, None]
    products = tf.matmul(points, z, transpose_a=True)
    # Rounding may leave less than nothing.
    return tf.nn.relu(lengths - 2.0 * products + tf.reduce_sum(tf.square(z), axis=0))


@tracing.by_size
def _lloyd_iteration(z: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
    """Returns the means of the codes next to each centre."""
    count, dim = found.shape

    def of_codes(part):
        mine = members(found, part)
        return tf.reduce_sum(mine, axis=1), tf.matmul(mine, part, transpose_b=True)

    codes, sums = code_sums.summed(of_codes, z, numbers=2 * count + dim)
    means = sums / tf.maximum(codes, 1.0)[:, None]
    return tf.where(codes[:, None] > 0.0, means, found)
