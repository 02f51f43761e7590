# SPDX-License-Identifier: Apache-2.0
"""What the replicas of a layer compute together."""

__all__ = ["Joined", "count", "mean"]

import tensorflow as tf


class Joined:
    """A mix-in of layers whose replicas exchange numbers while they train.

    XLA does not compile such an exchange, so that `--jit_compile` refuses them on
    several devices.
    """


def count() -> int:
    """Returns the number of replicas that run together; 1 outside of them."""
    replica = tf.distribute.get_replica_context()
    return 1 if replica is None else replica.num_replicas_in_sync


def mean(value: tf.Tensor) -> tf.Tensor:
    """Returns the mean over all replicas, of the same shape.

    Args:
        value: The replica's own, of any shape.
    """
    if count() == 1:
        return value
    replica = tf.distribute.get_replica_context()
    return replica.all_reduce(tf.distribute.ReduceOp.MEAN, value)
