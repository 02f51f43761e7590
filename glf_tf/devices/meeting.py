# SPDX-License-Identifier: Apache-2.0
"""Limits how long workers wait for each other when they start.

By default, TensorFlow waits an hour for the first worker, and forever for the others.
"""

__all__ = ["limit_registration", "wait_for_others"]

import socket
import time

import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.distribute import multi_worker_util
from tensorflow.python.eager import context

from glf_tf import errors

_PAUSE_SECONDS = 0.2


def limit_registration(spec: tf.train.ClusterSpec, *, seconds: int) -> None:
    """Limits how long workers wait for the first one.

    There is no public API for this limit. This makes the call that the strategy itself
    would make, which then skips it.
    """
    jobs = [
        coordination_config_pb2.CoordinatedJob(name=job, num_tasks=spec.num_tasks(job))
        for job in spec.jobs
    ]
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=multi_worker_util.coordination_leader(spec),
        cluster_register_timeout_in_ms=seconds * 1000,
        coordinated_jobs=jobs,
    )


def wait_for_others(spec: tf.train.ClusterSpec, *, address: str, seconds: int) -> None:
    """Waits until all other workers listen if this is the first one.

    The others listen before they connect to the first one.

    Args:
        spec: The workers.
        address: This worker's address.
        seconds: How long to wait.

    Raises:
        Lost: A worker does not start in time.
    """
    workers = spec.as_dict()
    first, *missing = [*workers.get("chief", ()), *workers.get("worker", ())]
    if address != first:
        return
    end = time.monotonic() + seconds
    while missing := [address for address in missing if not _listens(address)]:
        if time.monotonic() > end:
            raise errors.Lost(
                "Each worker must have an address and an index of its own, and all "
                f"must meet within {seconds} seconds",
                received=f"no answer from {', '.join(missing)}",
                do="Check the others' output, or wait longer with --meet_within; "
                "then restart all of them",
            )
        time.sleep(_PAUSE_SECONDS)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1.0):
            return True
    except OSError:
        return False
