# SPDX-License-Identifier: Apache-2.0
"""Resolves clusters of workers from a scheduler's environment variables."""

__all__ = ["CLUSTERS", "resolver"]

import os
import re
from collections.abc import Callable, Mapping

import tensorflow as tf

from glf_tf import errors
from glf_tf.devices import tf_config

PORT = 12345
"""The workers' port, unless TF_CONFIG or Slurm's job sets it."""

_Resolver = tf.distribute.cluster_resolver.ClusterResolver


def resolver(name: str) -> _Resolver:
    """Returns the workers of a cluster, and this process's index among them.

    Args:
        name: "tf_config", "slurm" or "kubernetes"; "" for the first of them that the
            environment sets.

    Raises:
        InvalidValue: The environment does not set it, or is wrong, or there is no such
            kind.
    """
    if name and name not in CLUSTERS:
        raise errors.InvalidValue(
            "The cluster must be of a supported kind",
            received=f"cluster={name!r}",
            do=errors.suggestion(name, CLUSTERS),
        )
    known = {cluster: variables for cluster, (variables, _) in CLUSTERS.items()}
    for kind in (name,) if name else known:
        if all(os.environ.get(variable, "").strip() for variable in known[kind]):
            return _resolved(kind)
    wanted = {name: known[name]} if name else known
    raise errors.InvalidValue(
        "Several workers find each other through environment variables",
        received=f"cluster={name!r}, and none of "
        + "; ".join(f"{', '.join(v)} ({cluster})" for cluster, v in wanted.items()),
        do="Start the workers as BUILD.md shows, or use --strategy=mirrored",
    )


def is_described() -> bool:
    """Returns whether TF_CONFIG names several workers."""
    return sum(map(len, tf_config.read().values())) > 1


def _resolved(name: str) -> _Resolver:
    """Reads the variables of a kind, and checks that they are consistent."""
    try:
        found = CLUSTERS[name][1]()
        workers = found.cluster_spec().num_tasks(found.task_type)
        if not 0 <= found.task_id < workers:
            raise ValueError(f"task {found.task_id} of {workers}")
    except errors.UserError:
        raise
    except ValueError as error:
        variables = {variable: os.environ[variable] for variable in CLUSTERS[name][0]}
        values = ", ".join(f"{variable}={text}" for variable, text in variables.items())
        raise errors.InvalidValue(
            f"The variables of {name} must name all workers and this worker's index",
            received=f"{values} ({str(error).splitlines()[0]})",
            do="Start the workers as BUILD.md shows under Devices",
        ) from error
    return found


def _tf_config() -> _Resolver:
    if not tf_config.read():
        raise ValueError("it has no cluster")
    return tf.distribute.cluster_resolver.TFConfigClusterResolver()


def _slurm() -> _Resolver:
    """Returns the tasks of a Slurm step.

    TensorFlow's own resolver sorts the hosts by name, so that node10 comes before node9
    and ranks differ from Slurm's; and it needs nvidia-smi.
    """
    env = os.environ
    hosts = expand_hosts(env["SLURM_STEP_NODELIST"])
    counts = expand_counts(env["SLURM_STEP_TASKS_PER_NODE"])
    # Two jobs may share a host.
    port = 10_000 + int(env["SLURM_JOB_ID"]) % 20_000
    workers = [
        f"{host}:{port + place}"
        for host, count in zip(hosts, counts, strict=True)
        for place in range(count)
    ]
    return _simple(workers, index=int(env["SLURM_PROCID"]))


def _kubernetes() -> _Resolver:
    """Returns the pods of an indexed Job with a headless service of the Job's name.

    Their names follow from the Job's. TensorFlow's own resolver asks Kubernetes
    instead, which needs rights, a package and running pods.
    """
    job, count = os.environ["JOB_NAME"], int(os.environ["JOB_COMPLETIONS"])
    workers = [f"{job}-{index}.{job}:{PORT}" for index in range(count)]
    return _simple(workers, index=int(os.environ["JOB_COMPLETION_INDEX"]))


def _simple(workers: list[str], *, index: int) -> _Resolver:
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": workers}),
        task_type="worker",
        task_id=index,
        rpc_layer="grpc",
    )


def expand_hosts(text: str) -> list[str]:
    """Returns the hosts of a list such as `gpu[08-10,12],login`, in order."""
    hosts = []
    for prefix, ranges in re.findall(r"([^,\[\]]+)(?:\[([^\]]*)\])?", text):
        for part in ranges.split(",") if ranges else [""]:
            first, _, last = part.partition("-")
            if not part:
                hosts.append(prefix)
                continue
            numbers = range(int(first), int(last or first) + 1)
            hosts += [f"{prefix}{number:0{len(first)}d}" for number in numbers]
    return hosts


def expand_counts(text: str) -> list[int]:
    """Returns the numbers of a list such as `3(x2),1`: 3, 3, 1."""
    pairs = re.findall(r"(\d+)(?:\(x(\d+)\))?", text)
    return [int(count) for count, times in pairs for _ in range(int(times or 1))]


CLUSTERS: Mapping[str, tuple[tuple[str, ...], Callable[[], _Resolver]]] = {
    "tf_config": (("TF_CONFIG",), _tf_config),
    "slurm": (
        (
            *("SLURM_JOB_ID", "SLURM_PROCID"),
            *("SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE"),
        ),
        _slurm,
    ),
    "kubernetes": (
        ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", "JOB_NAME"),
        _kubernetes,
    ),
}
"""The kinds of clusters: their environment variables, and the resolver."""
