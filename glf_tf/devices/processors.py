# SPDX-License-Identifier: Apache-2.0
"""What is said to TensorFlow before it touches a processor."""

__all__ = ["configure", "op_threads"]

from collections.abc import Mapping

import tensorflow as tf

from glf_tf import catalogue

_SMALL = 2**17
"""Batch size times the widest hidden layer, up to which an MLP is small."""


def configure(
    *, model: Mapping, batch_size: int, threads: int = 0, tf32: bool = True
) -> None:
    """Sets threads and precision of the process; once TensorFlow runs, threads stay.

    Args:
        model: The model's specification, with the options of its parts.
        batch_size: Images a step.
        threads: Of an operation on a CPU; 0 for `op_threads`.
        tf32: Whether GPUs may round the factors of products of float32 numbers.
    """
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    threads = threads or op_threads(model, batch_size=batch_size)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        return  # it runs already, as in a process that trains twice


def op_threads(model: Mapping, *, batch_size: int) -> int:
    """Returns how many threads an operation should use on a CPU; 0 for one a core.

    Two threads take longer to meet than to multiply the matrices of a small MLP. There,
    operations that do not wait for each other run at once, one a core.
    """
    network = model.get("network")
    is_mlp = isinstance(network, Mapping) and catalogue.name_of(network) == "mlp"
    return 1 if is_mlp and batch_size * max(network["hidden"]) <= _SMALL else 0
