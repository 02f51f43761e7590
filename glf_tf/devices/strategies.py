# SPDX-License-Identifier: Apache-2.0
"""Chooses the devices that a run uses: one, all of a host, several hosts, or a TPU."""

__all__ = ["STRATEGIES", "strategy"]

import functools
from collections.abc import Callable, Mapping

import tensorflow as tf

from glf_tf import errors
from glf_tf.devices import clusters, meeting


def strategy(
    name: str, *, cluster: str = "", tpu: str = "local", meet_within: int = 40
) -> tf.distribute.Strategy:
    """Returns a distribution strategy.

    With several workers, call this before TensorFlow does anything else.

    Args:
        name: "one_device": the first GPU, or the CPU; "mirrored": all GPUs, or all
            logical CPUs; "multi_worker": those of all hosts; "tpu"; "auto":
            "multi_worker" if TF_CONFIG names several workers, or "mirrored" if there
            are several GPUs.
        cluster: How the workers find each other; see `clusters.resolver`.
        tpu: Name of the TPU; "local" on a TPU's own host.
        meet_within: Seconds that workers wait for each other.

    Raises:
        InvalidValue: There is no such strategy, or no cluster, or an invalid one.
        Unsupported: There is no such TPU.
        Lost: The other workers did not answer.
    """
    if name not in STRATEGIES:
        raise errors.InvalidValue(
            "The strategy must be a supported one",
            received=f"strategy={name!r}",
            do=errors.suggestion(name, STRATEGIES),
        )
    if name == "multi_worker":
        return _multi_worker(cluster, meet_within=meet_within)
    if name == "tpu":
        return _tpu(tpu)
    if name == "auto" and clusters.is_described():
        return _multi_worker("tf_config", meet_within=meet_within)
    return _LOCAL[name]()


def _auto() -> tf.distribute.Strategy:
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return strategy("mirrored" if several else "one_device")


# One of each per process: a second mirrored strategy would reuse the first one's keys
# of collective operations for tensors of other shapes.
@functools.cache
def _mirrored() -> tf.distribute.Strategy:
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


# Small gradients are sent together; large ones do not wait for each other.
_PACKED = tf.distribute.experimental.CommunicationOptions(bytes_per_pack=32 * 2**20)


@functools.cache
def _multi_worker(cluster: str, *, meet_within: int) -> tf.distribute.Strategy:
    found = clusters.resolver(cluster)
    spec, task = found.cluster_spec(), (found.task_type, found.task_id)
    address = spec.task_address(*task)
    meeting.limit_registration(spec, seconds=meet_within)
    meeting.wait_for_others(spec, address=address, seconds=meet_within)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(
            found, communication_options=_PACKED
        )
    except tf.errors.OpError as error:
        raise errors.Lost(
            "Each worker must have an address and an index of its own, and all must "
            f"meet within {meet_within} seconds",
            received=f"{error.message.splitlines()[0]} at {address} of "
            f"{spec.as_dict()}",
            do="Check the others' output, or wait longer with --meet_within; then "
            "restart all of them",
        ) from error


@functools.cache
def _tpu(name: str) -> tf.distribute.Strategy:
    try:
        found = tf.distribute.cluster_resolver.TPUClusterResolver(name)
        tf.config.experimental_connect_to_cluster(found)
        tf.tpu.experimental.initialize_tpu_system(found)
        return tf.distribute.TPUStrategy(found)
    except (tf.errors.OpError, OSError, ValueError, RuntimeError) as error:
        raise errors.Unsupported(
            "The strategy needs a TPU",
            received=f"tpu={name}: {str(error).splitlines()[0]}",
            do="Run on a TPU's host or name it with --tpu, or use another --strategy",
        ) from error


_LOCAL: Mapping[str, Callable[[], tf.distribute.Strategy]] = {
    "auto": _auto,
    "mirrored": _mirrored,
    "one_device": tf.distribute.get_strategy,
}

STRATEGIES = (*_LOCAL, "multi_worker", "tpu")
"""The names of strategies."""
