# SPDX-License-Identifier: Apache-2.0
"""Reads TF_CONFIG, the environment variable that lists TensorFlow's workers.

    {"cluster": {"worker": ["a:12345", "b:12345"]},
     "task": {"type": "worker", "index": 0}}

If it is wrong, TensorFlow itself assumes a single worker, waits forever, or fails with
an unrelated error.
"""

__all__ = ["VARIABLE", "read"]

import errno
import ipaddress
import json
import os
import re
import socket
from collections.abc import Mapping

from glf_tf import errors

VARIABLE = "TF_CONFIG"

_JOBS = ("chief", "worker")
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\s:/\[\]]+):([0-9]{1,5})")


def read() -> dict[str, list[str]]:
    """Returns the workers' addresses in TF_CONFIG, by job.

    Returns:
        cluster: Empty if the variable is not set or has no cluster.

    Raises:
        InvalidValue: It is invalid in any way.
    """
    text = os.environ.get(VARIABLE, "")
    if not text.strip():
        return {}
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong("it must be JSON", text) from error
    if not isinstance(config, Mapping):
        raise _wrong("it must be a mapping with `cluster` and `task`", text)
    cluster = config.get("cluster", {})
    if not isinstance(cluster, Mapping):
        raise _wrong("`cluster` must be a mapping from jobs to addresses", cluster)
    if not cluster:
        return {}
    _check_cluster(cluster)
    _check_task(config.get("task"), cluster=cluster)
    return dict(cluster)


def _check_cluster(cluster: Mapping) -> None:
    """Checks jobs and addresses."""
    for job, addresses in cluster.items():
        if job not in _JOBS:
            raise _wrong(f"jobs are {' and '.join(_JOBS)}", f"job {job!r}")
        if not (isinstance(addresses, list) and addresses):
            raise _wrong(f"`{job}` must be a list of addresses", addresses)
        for address in addresses:
            found = isinstance(address, str) and _ADDRESS.fullmatch(address)
            if not found or not 0 < int(found[2]) < 2**16:
                raise _wrong("addresses are HOST:PORT", repr(address))
    if len(cluster.get("chief", ())) > 1:
        raise _wrong("there is one chief", cluster["chief"])
    every = [address for addresses in cluster.values() for address in addresses]
    twice = [address for address in every if every.count(address) > 1]
    if twice:
        raise _wrong("each worker has an address of its own", f"{twice[0]} twice")


def _check_task(task: object, *, cluster: Mapping) -> None:
    """Checks this process's entry, `task`."""
    if not isinstance(task, Mapping) or not {"type", "index"} <= set(task):
        raise _wrong("`task` must say this worker's `type` and `index`", task)
    job, index = task["type"], task["index"]
    if job not in cluster:
        raise _wrong("`type` must be a job of the cluster", job)
    if isinstance(index, str) and index.isdecimal():  # as TensorFlow accepts it
        index = int(index)
    if type(index) is not int or not 0 <= index < len(cluster[job]):
        last = len(cluster[job]) - 1
        raise _wrong(f"`index` of a {job} lies between 0 and {last}", index)
    _check_is_here(cluster[job][index])


def _check_is_here(address: str) -> None:
    """Checks that this worker's address, if numeric, is one of this machine.

    A host name may belong to a service that forwards to this machine.
    """
    host = _ADDRESS.fullmatch(address)[1].strip("[]")
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.bind((host, 0))
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise _wrong("a worker's own address is its machine's", address) from error


def _wrong(rule: str, received: object) -> errors.InvalidValue:
    text = received if isinstance(received, str) else json.dumps(received)
    return errors.InvalidValue(
        f"{VARIABLE} lists all workers, and which of them this one is: {rule}",
        received=text if len(text) < 200 else f"{text[:200]}...",
        do="Set it as BUILD.md shows under Devices, or unset it",
    )
