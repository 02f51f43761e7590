# SPDX-License-Identifier: Apache-2.0
"""Exact nearest neighbours of many vectors among many, in bounded memory.

Beside 60,000 codes and 120,000 candidates, all distances would be 29 GB in float32.
"""

__all__ = ["nearest"]

import tensorflow as tf

from glf_tf import errors, tensor_float

BLOCK = 2048
"""Rows of either set at a time: 17 MB of distances."""


def nearest(
    queries: tf.Tensor, candidates: tf.Tensor, *, block: int = BLOCK
) -> tf.Tensor:
    """Returns the index of each query's nearest candidate.

        argmin_j |q - c_j|^2 = argmin_j |c_j|^2 / 2 - q c_j

    Every pair is looked at. Of candidates whose distances float32 cannot tell apart,
    any may be found.

    Args:
        queries: `[size, dim]`.
        candidates: `[other_size, dim]`.
        block: How many of either to compare at a time.

    Returns:
        index: int64 `[size]`.

    Raises:
        InvalidValue: There is no candidate, or the vectors are of two sizes.
    """
    queries, candidates = _checked(queries, candidates)
    # Shifting both leaves distances alone, and saves digits by shortening the vectors.
    center = tf.reduce_mean(candidates, axis=0)
    queries, candidates = queries - center, candidates - center
    with tensor_float.full_float32():
        found = [
            _nearest(queries[start : start + block], candidates, block=block)
            for start in range(0, queries.shape[0], block)
        ]
    return tf.concat(found, axis=0)


def _checked(queries: tf.Tensor, candidates: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    queries = tf.convert_to_tensor(queries, tf.float32)
    candidates = tf.convert_to_tensor(candidates, tf.float32)
    if queries.shape[1] != candidates.shape[1] or 0 in (
        *queries.shape,
        *candidates.shape,
    ):
        raise errors.InvalidValue(
            "Neighbours are looked for among vectors of the same size, at least one",
            received=f"{queries.shape} among {candidates.shape}",
            do="Pass [size, dim] and [other_size, dim]",
        )
    return queries, candidates


def _nearest(queries: tf.Tensor, candidates: tf.Tensor, *, block: int) -> tf.Tensor:
    least = tf.fill([queries.shape[0]], float("inf"))
    index = tf.zeros([queries.shape[0]], tf.int64)
    for start in range(0, candidates.shape[0], block):
        least, index = _nearer(
            queries,
            candidates[start : start + block],
            tf.constant(start, tf.int64),
            least,
            index,
        )
    return index


@tf.function(reduce_retracing=True)
def _nearer(queries, candidates, start, least, index):
    """Returns the least distances and their indices, with one block more looked at."""
    lengths = 0.5 * tf.reduce_sum(tf.square(candidates), axis=1)
    distances = lengths - tf.matmul(queries, candidates, transpose_b=True)
    found = tf.reduce_min(distances, axis=1)
    where = start + tf.argmin(distances, axis=1)
    return tf.minimum(found, least), tf.where(found < least, where, index)
