# SPDX-License-Identifier: Apache-2.0
"""How workers meet when they start: within a limit, or with an error.

By itself, TensorFlow waits for an hour where the first worker is missing, and for ever
where another one is.
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
    """Limits how long workers look for the first one.

    No public name sets the limit. This says what the strategy itself would say, which
    then leaves it as it is.
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
    """Returns when all others listen, if this is the first worker, else at once.

    The others listen before they look for the first one.

    Args:
        spec: The workers.
        address: This one's.
        seconds: How long to wait.

    Raises:
        Lost: One of them does not come.
    """
    workers = spec.as_dict()
    first, *missing = [*workers.get("chief", ()), *workers.get("worker", ())]
    if address != first:
        return
    end = time.monotonic() + seconds
    while missing := [one for one in missing if not _listens(one)]:
        if time.monotonic() > end:
            raise errors.Lost(
                "Each worker must have an address and an index of its own, and all "
                f"must meet within {seconds} seconds",
                received=f"no answer of {', '.join(missing)}",
                do="Look at what the others tell, or wait longer with --meet_within; "
                "then start all of them again",
            )
        time.sleep(_PAUSE_SECONDS)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1.0):
            return True
    except OSError:
        return False
