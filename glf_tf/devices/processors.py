# SPDX-License-Identifier: Apache-2.0
"""Threads and precision, which must be set before TensorFlow uses a device."""

__all__ = ["configure", "op_threads"]

from collections.abc import Mapping

import tensorflow as tf

from glf_tf import catalogue

_SMALL = 2**17
"""Maximum batch size times width of a small MLP."""


def configure(
    *, model: Mapping, batch_size: int, threads: int = 0, tf32: bool = True
) -> None:
    """Sets the threads and precision of this process.

    Args:
        model: The model's specification, with the options of its parts.
        batch_size: Images per step.
        threads: Threads per operation on a CPU, ignored once TensorFlow runs; 0 for
            `op_threads`.
        tf32: Whether GPUs may use TensorFloat-32 for float32 products.
    """
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    threads = threads or op_threads(model, batch_size=batch_size)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        return  # TensorFlow already runs, as in a process that trains twice


def op_threads(model: Mapping, *, batch_size: int) -> int:
    """Returns the threads per operation on a CPU; 0 for one per core.

    For the matrices of a small MLP, synchronising two threads takes longer than the
    product. There, independent operations run in parallel, one per core. The same is
    true of the networks of a density of vectors, which has no other.
    """
    width = _width(model)
    return 1 if width and batch_size * width <= _SMALL else 0


def _width(model: Mapping) -> int:
    """Returns the width of a model whose networks are all MLPs; 0 for others."""
    if "network" in model:
        network = model["network"]
        is_mlp = isinstance(network, Mapping) and catalogue.name_of(network) == "mlp"
        return max(network["hidden"]) if is_mlp else 0
    # A prior's network is its own, as that of flow matching, or its flow's.
    prior = model.get("prior")
    of_prior = prior.get("flow", prior) if isinstance(prior, Mapping) else {}
    if not isinstance(of_prior, Mapping) or "token_dim" in of_prior:
        return 0  # a transformer's matrices have a row for each token
    return of_prior.get("hidden", 0)
