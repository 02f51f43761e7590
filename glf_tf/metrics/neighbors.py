# SPDX-License-Identifier: Apache-2.0
"""Distances between many vectors, computed in blocks to bound the memory.

All distances between 50,000 points and 50,000 others are 10 GB in float32; a block of
them is 32 MB. TensorFlow computes the products, on any device.

A squared distance is a difference of products, `|x|^2 + |y|^2 - 2 x y`, which float32
computes to six or seven digits. If the distances of neighbours are too small relative
to their vectors' lengths, as when one direction dominates, float64 is used.
"""

__all__ = ["blocks", "radii", "nearest"]

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from glf_tf import errors, tensor_float

BLOCK_ELEMENTS = 2**23
"""Number of distances in memory at a time: 32 MB in float32."""

# Below this fraction of their squared lengths, two points cannot be distinguished. Such
# distances are set to 0, so that duplicates have distance 0.
_RESOLUTION = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-14}

_RELIABLE = 1e-3
"""Fraction of the squared lengths above which float32 has three digits."""


def blocks(
    points: np.ndarray, *, others: np.ndarray, dtype: npt.DTypeLike = np.float32
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields squared Euclidean distances, some rows at a time.

    Args:
        points: `[size, dim]`.
        others: `[other_size, dim]`.
        dtype: float32 or float64, used for the computation.

    Yields:
        A slice of the points, and `[slice, other_size]`, its squared distances.
    """
    # Shifting both sets keeps distances and shortens the vectors, whose lengths
    # determine the loss of digits in the difference of products.
    center = others.mean(axis=0, dtype=np.float64).astype(dtype)
    fixed = tf.constant(others - center, dtype)
    lengths = tf.reduce_sum(fixed**2, axis=1)
    resolution = tf.constant(_RESOLUTION[np.dtype(dtype)], dtype)
    rows = max(1, BLOCK_ELEMENTS // len(others))
    for start in range(0, len(points), rows):
        part = slice(start, min(start + rows, len(points)))
        moved = tf.constant(points[part] - center, dtype)
        with tensor_float.full_float32():
            squared = _squared_distances(
                moved, others=fixed, lengths=lengths, resolution=resolution
            )
        yield part, squared.numpy()


def radii(points: np.ndarray, *, ks: tuple[int, ...]) -> np.ndarray:
    """Returns the squared distance of every point to its k-th nearest other point.

    Args:
        points: `[size, dim]`, with `size > max(ks)`.
        ks: The values of k; a duplicate of a point counts as another point.

    Returns:
        `[len(ks), size]`, float32 if that is precise enough, otherwise float64.
    """
    found = _radii(points, ks=ks, dtype=np.float32)
    center = points.mean(axis=0, dtype=np.float64)
    lengths = _squared_lengths(points - center)
    if np.all(found > _RELIABLE * 2 * lengths):
        return found
    return _radii(points, ks=ks, dtype=np.float64)


def _radii(
    points: np.ndarray, *, ks: tuple[int, ...], dtype: npt.DTypeLike
) -> np.ndarray:
    result = np.empty((len(ks), len(points)), dtype)
    for part, squared in blocks(points, others=points, dtype=dtype):
        squared = squared.copy()  # TensorFlow's arrays are read-only.
        squared[np.arange(len(squared)), np.arange(part.start, part.stop)] = np.inf
        squared.partition([k - 1 for k in ks], axis=1)
        result[:, part] = squared[:, [k - 1 for k in ks]].T
    return result


def nearest(
    points: np.ndarray, *, others: np.ndarray, rows: int = 2048
) -> tuple[np.ndarray, np.ndarray]:
    """Returns, for every point, the index and distance of the nearest of the others.

    Both sets may be mapped files: no more than `rows` of either are read at a time.

    Args:
        points: `[size, dim]`; uint8 is scaled to [0, 1], as everywhere.
        others: `[other_size, dim]`, of the same kind.
        rows: Maximum number of rows in memory.

    Returns:
        index: int64 `[size]`.
        distance: float64 `[size]`, Euclidean, recomputed from the pair, so that an
            exact copy has distance 0. The first of equally close ones is returned.

    Raises:
        InvalidValue: There are no points or no others, or the vectors differ in size.
    """
    _check(points, others)
    index = np.zeros(len(points), np.int64)
    found = np.full(len(points), np.inf)
    for start in range(0, len(others), rows):
        piece = _unit(others[start : start + rows])
        for first in range(0, len(points), rows):
            where = slice(first, first + rows)
            best, least = _nearest_of(_unit(points[where]), others=piece)
            closer = least < found[where]
            index[where] = np.where(closer, best + start, index[where])
            found[where] = np.minimum(least, found[where])
    return index, _row_distances(points, others=others, index=index, rows=rows)


def _nearest_of(
    points: np.ndarray, *, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the nearest of the others to each point, and its squared distance.

    Chosen in float32, or in float64 if a second one is about as close.
    """
    index = np.empty(len(points), np.int64)
    center = others.mean(axis=0, dtype=np.float64).astype(np.float32)
    fixed = tf.constant(others - center)
    lengths = tf.reduce_sum(fixed**2, axis=1)
    rows = max(1, BLOCK_ELEMENTS // len(others))
    for start in range(0, len(points), rows):
        part = slice(start, start + rows)
        moved = tf.constant(points[part] - center)
        with tensor_float.full_float32():
            best, near = _near(moved, others=fixed, lengths=lengths)
        index[part] = best
        _decide(index[part], near.numpy(), points=points[part], others=others)
    return index, _squared_lengths(points.astype(np.float64) - others[index])


@tf.function(reduce_retracing=True)
def _near(
    points: tf.Tensor, *, others: tf.Tensor, lengths: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the nearest of the others, and all that are as close in float32.

        argmin_j |x - y_j|^2 = argmin_j |y_j|^2 / 2 - x y_j

    Args:
        points: `[size, dim]`, float32.
        others: `[other_size, dim]`.
        lengths: `[other_size]`, their squared lengths.

    Returns:
        best: int64 `[size]`.
        near: int64 `[pairs, 2]`, points and others that are about as close, including
            the best.
    """
    halves = lengths / 2 - tf.matmul(points, others, transpose_b=True)
    longest = tf.reduce_sum(points**2, axis=1) + tf.reduce_max(lengths)
    slack = _RESOLUTION[np.dtype(np.float32)] * longest
    limit = tf.reduce_min(halves, axis=1) + slack
    return tf.argmin(halves, axis=1), tf.where(halves <= limit[:, tf.newaxis])


def _decide(
    best: np.ndarray, near: np.ndarray, *, points: np.ndarray, others: np.ndarray
) -> None:
    """Replaces the results of float32 with several candidates by those of float64."""
    counts = np.bincount(near[:, 0], minlength=len(best))
    rows = np.flatnonzero(counts > 1)
    if not rows.size:
        return
    columns = np.unique(near[counts[near[:, 0]] > 1, 1])
    chosen = {"others": others[columns], "dtype": np.float64}
    for some, exact in blocks(points[rows], **chosen):
        best[rows[some]] = columns[exact.argmin(axis=1)]


def _check(points: np.ndarray, others: np.ndarray) -> None:
    shapes = np.shape(points), np.shape(others)
    if shapes[0][1:] != shapes[1][1:] or 0 in (*shapes[0], *shapes[1]):
        raise errors.InvalidValue(
            "Neighbours need vectors of the same size, at least one",
            received=f"{shapes[0]} among {shapes[1]}",
            do="Pass [size, dim] and [other_size, dim]",
        )


def _squared_lengths(rows: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", rows, rows)


@tf.function(reduce_retracing=True)
def _squared_distances(
    points: tf.Tensor, *, others: tf.Tensor, lengths: tf.Tensor, resolution: tf.Tensor
) -> tf.Tensor:
    sums = tf.reduce_sum(points**2, axis=1)[:, tf.newaxis] + lengths
    squared = sums - 2 * tf.matmul(points, others, transpose_b=True)
    return tf.where(squared > resolution * sums, squared, 0)


def _row_distances(
    points: np.ndarray, *, others: np.ndarray, index: np.ndarray, rows: int
) -> np.ndarray:
    result = np.empty(len(points))
    for start in range(0, len(points), rows):
        part = slice(start, start + rows)
        gap = _unit(points[part]).astype(np.float64) - _unit(others[index[part]])
        result[part] = np.sqrt(_squared_lengths(gap))
    return result


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.dtype == np.uint8:
        return rows.astype(np.float32) / np.float32(255)
    return rows.astype(np.float32, copy=False)
