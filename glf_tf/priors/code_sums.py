# SPDX-License-Identifier: Apache-2.0
"""Sums over codes, some codes at a time, so that memory does not grow with them."""

__all__ = ["summed"]

from collections.abc import Callable

import tensorflow as tf

_NUMBERS_AT_ONCE = 2**20


def summed(
    of_codes: Callable[[tf.Tensor], tuple[tf.Tensor, ...]],
    z: tf.Tensor,
    *,
    numbers: int,
) -> tuple[tf.Tensor, ...]:
    """Returns the sums of what a function returns for parts of the codes.

    Args:
        of_codes: Function from `[dim, n]`, codes in columns, to tensors whose shapes
            do not depend on `n`: sums over these codes.
        z: `[dim, size]`.
        numbers: How many numbers the function keeps for each code.
    """
    size, at_once = z.shape[1], max(1, _NUMBERS_AT_ONCE // numbers)

    def add(start, sums):
        of_part = of_codes(z[:, start : start + at_once])
        return start + at_once, tf.nest.map_structure(tf.add, sums, of_part)

    zeros = tf.nest.map_structure(tf.zeros_like, of_codes(z[:, :1]))
    return tf.while_loop(
        lambda start, _: start < size, add, (0, zeros), parallel_iterations=1
    )[1]
