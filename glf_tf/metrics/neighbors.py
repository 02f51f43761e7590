# SPDX-License-Identifier: Apache-2.0
"""Distances between many vectors, a block at a time, so that memory stays bounded.

All distances between 50,000 points and 50,000 others are 10 GB in float32; a block of
them is 32 MB. TensorFlow does the products, on whatever device there is.
"""

__all__ = ["blocks", "radii", "nearest"]

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from glf_tf import tensor_float

BLOCK_ELEMENTS = 2**23
"""Distances in memory at a time: 32 MB in float32."""

# Below this share of their squared lengths, float32 cannot tell two points apart. Such
# distances are set to 0, so that a duplicate is exactly as near as a duplicate can be.
_RESOLUTION = 1e-6


def blocks(
    points: np.ndarray, *, others: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields squared Euclidean distances, some rows of them at a time.

    Args:
        points: `[size, dim]`.
        others: `[other_size, dim]`.

    Yields:
        A slice of the points, and float32 `[slice, other_size]`, its squared distances.
    """
    # Shifting both sets leaves distances alone and shortens the vectors, whose lengths
    # decide how many digits the difference of products loses.
    center = others.mean(axis=0, dtype=np.float64).astype(np.float32)
    fixed = tf.constant(others - center, tf.float32)
    lengths = tf.reduce_sum(fixed**2, axis=1)
    rows = max(1, BLOCK_ELEMENTS // len(others))
    for start in range(0, len(points), rows):
        part = slice(start, min(start + rows, len(points)))
        moved = tf.constant(points[part] - center, tf.float32)
        with tensor_float.full_float32():
            squared = _squared_distances(moved, others=fixed, lengths=lengths)
        yield part, squared.numpy()


def radii(points: np.ndarray, *, ks: tuple[int, ...]) -> np.ndarray:
    """Returns the squared distance of every point to its k-th nearest other point.

    Args:
        points: `[size, dim]`, with `size > max(ks)`.
        ks: Each k wanted; a duplicate of a point counts as another point.

    Returns:
        float32 `[len(ks), size]`.
    """
    result = np.empty((len(ks), len(points)), np.float32)
    for part, squared in blocks(points, others=points):
        squared = squared.copy()  # What comes out of TensorFlow cannot be written to.
        squared[np.arange(len(squared)), np.arange(part.start, part.stop)] = np.inf
        squared.partition([k - 1 for k in ks], axis=1)
        result[:, part] = squared[:, [k - 1 for k in ks]].T
    return result


def nearest(
    points: np.ndarray, *, others: np.ndarray, rows: int = 8192
) -> tuple[np.ndarray, np.ndarray]:
    """Returns, for every point, the index of the nearest of the others, and how far.

    Both sets may be mapped files: no more than `rows` of either are read at a time.

    Args:
        points: `[size, dim]`; uint8 stands for values in [0, 1], as everywhere.
        others: `[other_size, dim]`, likewise.
        rows: The rows to hold.

    Returns:
        index: int64 `[size]`.
        distance: float64 `[size]`, Euclidean, computed anew from the pair found, so
            that an exact copy is at distance 0.
    """
    index = np.zeros(len(points), np.int64)
    found = np.full(len(points), np.inf, np.float32)
    for start in range(0, len(others), rows):
        piece = _unit(others[start : start + rows])
        for first in range(0, len(points), rows):
            chunk = _unit(points[first : first + rows])
            for part, squared in blocks(chunk, others=piece):
                where = slice(first + part.start, first + part.stop)
                best = squared.argmin(axis=1)
                least = squared[np.arange(len(best)), best]
                closer = least < found[where]
                index[where] = np.where(closer, best + start, index[where])
                found[where] = np.minimum(least, found[where])
    return index, _row_distances(points, others=others, index=index, rows=rows)


@tf.function(reduce_retracing=True)
def _squared_distances(
    points: tf.Tensor, *, others: tf.Tensor, lengths: tf.Tensor
) -> tf.Tensor:
    sums = tf.reduce_sum(points**2, axis=1)[:, tf.newaxis] + lengths
    squared = sums - 2 * tf.matmul(points, others, transpose_b=True)
    return tf.where(squared > _RESOLUTION * sums, squared, 0.0)


def _row_distances(
    points: np.ndarray, *, others: np.ndarray, index: np.ndarray, rows: int
) -> np.ndarray:
    result = np.empty(len(points))
    for start in range(0, len(points), rows):
        part = slice(start, start + rows)
        gap = _unit(points[part]).astype(np.float64) - _unit(others[index[part]])
        result[part] = np.sqrt(np.einsum("nd,nd->n", gap, gap))
    return result


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.dtype == np.uint8:
        return rows.astype(np.float32) / np.float32(255)
    return rows.astype(np.float32, copy=False)
