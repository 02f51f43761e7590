# SPDX-License-Identifier: Apache-2.0
"""The worker of this library in several processes of one core each, like hosts.

python processes_worker.py CASE COUNT BATCH_SIZE_OF_EACH
"""

import json
import os
import pathlib
import socket
import subprocess
import sys

import worker

_IS_MEMBER = "BENCH_MEMBER"


class _Members:
    """Processes that take the same steps, each on its own core."""

    def __init__(self, count, *, batch_size):
        hosts = _addresses(count)
        self._processes = [
            _start(hosts, index, batch_size=batch_size * count)
            for index in range(count)
        ]
        self.described = self._answers()[0]

    def take(self, steps):
        self._tell(steps)
        self._answers()

    def peak_mib(self):
        self._tell("peak")
        return sum(answer["peak_mib"] for answer in self._answers())

    def _tell(self, what):
        for process in self._processes:
            print(what, file=process.stdin, flush=True)

    def _answers(self):
        lines = [process.stdout.readline() for process in self._processes]
        if not all(lines):
            raise RuntimeError(f"worker {lines.index('')} of {len(lines)} ended")
        return [json.loads(line) for line in lines]


def _addresses(count):
    sockets = [socket.socket() for _ in range(count)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    found = [f"127.0.0.1:{opened.getsockname()[1]}" for opened in sockets]
    for opened in sockets:
        opened.close()
    return found


def _start(hosts, index, *, batch_size):
    task = {"type": "worker", "index": index}
    config = {"cluster": {"worker": hosts}, "task": task} if len(hosts) > 1 else None
    return subprocess.Popen(
        [sys.executable, str(pathlib.Path(__file__)), "train_cifar10"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            _IS_MEMBER: f"{index} {batch_size}",
            **({"TF_CONFIG": json.dumps(config)} if config else {}),
        },
    )


def _member():
    """Serves the steps of one process, whose core determines its number of threads."""
    index, batch_size = map(int, os.environ[_IS_MEMBER].split())
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[index % len(cores)]})

    import training

    from glf_tf import quiet
    from glf_tf.devices import strategies

    def train():
        with strategies.strategy("auto").scope():
            return training.work(
                "glf/cifar10", image_shape=training.CIFAR10, batch_size=batch_size
            )

    quiet.load_tensorflow()
    worker.serve({"train_cifar10": train})


def main():
    """Serves the case of the arguments, or one of its processes."""
    if _IS_MEMBER in os.environ:
        _member()
        return

    def train():
        count, batch_size = map(int, sys.argv[2:4])
        members = _Members(count, batch_size=batch_size)
        return worker.Work(
            members.take,
            count * batch_size,
            flop=members.described["flop"],
            about=members.described["about"],
            peak_mib=members.peak_mib,
        )

    worker.serve({"workers_cifar10": train})


if __name__ == "__main__":
    main()
