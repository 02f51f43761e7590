# SPDX-License-Identifier: Apache-2.0
"""Stateless random seeds: same seed, same numbers, also after a restore.

No function of this library draws from a global or stateful generator. A function that
draws takes `seed`, and gives each of its parts a seed of its own with `split` or
`fold`.
"""

__all__ = ["make", "split", "fold"]

import tensorflow as tf

from glf_tf import errors, types


def make(seed: types.Seed) -> tf.Tensor:
    """Returns `seed` as the int32 tensor of shape [2] that stateless operations take.

    Args:
        seed: An int `s`, which stands for the pair `(s, 0)`; a pair; or a tensor.

    Raises:
        InvalidValue: The seed has another shape than [] or [2].
    """
    if isinstance(seed, int):
        return tf.constant([seed, 0], tf.int32)
    seed = tf.cast(tf.convert_to_tensor(seed), tf.int32)
    if seed.shape.rank == 0:
        return tf.stack([seed, 0])
    if seed.shape.rank == 1 and seed.shape[0] in (2, None):
        return seed
    raise errors.InvalidValue(
        "A seed must be an int or a pair of ints",
        received=f"a tensor of shape {seed.shape}",
        do="Pass for instance seed=0 or seed=(0, 1)",
    )


def split(seed: types.Seed, num: int) -> list[tf.Tensor]:
    """Returns `num` independent seeds."""
    return tf.unstack(tf.random.split(make(seed), num=num), num=num)


def fold(seed: types.Seed, *data: tf.Tensor | int) -> tf.Tensor:
    """Returns the seed for item `data` of a sequence, such as a step or a replica."""
    seed = make(seed)
    for item in data:
        seed = tf.random.fold_in(seed, tf.cast(item, tf.int32))
    return seed
