# SPDX-License-Identifier: Apache-2.0
"""Stateless random seeds: same seed, same numbers, also after a restore.

No function of this library draws from a global or stateful generator. A function that
draws takes `seed`, and gives each of its parts a seed of its own with `split` or
`fold`.
"""

__all__ = ["check_not_negative", "checked", "fold", "make", "of_keras", "split"]

import numpy as np
import tensorflow as tf

from glf_tf import errors, types


def make(seed: types.Seed) -> tf.Tensor:
    """Returns `seed` as the int32 tensor of shape [2] that stateless operations take.

    Args:
        seed: An int `s`, which stands for the pair `(s, 0)`; a pair; or a tensor.

    Raises:
        InvalidValue: The seed has another shape than [] or [2], or does not fit into
            int32: cut off it would be another seed.
        InvalidType: It is no whole number.
    """
    if not tf.is_tensor(seed) or hasattr(seed, "numpy"):
        seed = np.asarray(seed)
        for value in seed.ravel().tolist():
            checked(value)
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


def checked(seed: int) -> int:
    """Returns a whole number that can be a seed, or half of one.

    Args:
        seed: The number.

    Raises:
        InvalidType: It is no whole number.
        InvalidValue: It does not fit into int32.
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise errors.InvalidType(
            "A seed must be an int or a pair of ints",
            received=f"seed={seed!r}",
            do="Pass for instance seed=0 or seed=(0, 1)",
        )
    if not -(2**31) <= seed < 2**31:
        raise errors.InvalidValue(
            "A seed fits into 32 bits with its sign",
            received=f"seed={seed}",
            do=f"Use a number between {-(2**31):,} and {2**31 - 1:,}",
        )
    return seed


def check_not_negative(**seeds: int) -> None:
    """Checks seeds of NumPy's generators, by name.

    Raises:
        InvalidValue: One is negative, or does not fit into int32.
    """
    for name, seed in seeds.items():
        if not 0 <= seed < 2**31:
            raise errors.InvalidValue(
                f"`{name}` is a seed of NumPy's, which are not negative, in 32 bits",
                received=f"{name}={seed}",
                do=f"Use a number from 0 to {2**31 - 1:,}",
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


def of_keras(seed: tf.Tensor) -> int:
    """Returns a seed of shape [2] in the form that Keras' initializers take."""
    return int(seed[0]) & 0x7FFFFFFF
