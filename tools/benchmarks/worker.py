# SPDX-License-Identifier: Apache-2.0
"""A worker: a process that does one piece of work whenever it is told to.

Each library works in a process of its own, so that none shares threads or memory with
another. A worker reads lines from its standard input, and answers each with a line of
JSON:

    a number N   does N units of work; {"seconds": ...}
    peak         {"peak_mib": ...}, the most memory that it had

Workers import nothing of glf_tf but what they measure: those of the peers need not have
it installed.
"""

__all__ = ["Work", "serve", "peak_mib"]

import dataclasses
import json
import os
import pathlib
import resource
import sys
import time
from collections.abc import Callable, Mapping


@dataclasses.dataclass(frozen=True)
class Work:
    """A piece of work.

    Attributes:
        run: Does so many units, and returns when they are done.
        unit: How many things, such as images, a unit is.
        flop: Floating-point operations of a thing; 0 where nobody counted.
        about: What an entry of the results should say, such as versions.
        peak_mib: Returns the most memory that it had; None for that of this process.
    """

    run: Callable[[int], None]
    unit: int
    flop: float = 0.0
    about: Mapping[str, str] = dataclasses.field(default_factory=dict)
    peak_mib: Callable[[], float] | None = None


def serve(cases: Mapping[str, Callable[[], Work]]) -> None:
    """Makes the work that the first argument names, and does it as it is told."""
    # Libraries print to the standard output what they like; the answers have their own.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(**values):
        print(json.dumps(values), file=answers, flush=True)

    work = cases[sys.argv[1]]()
    work.run(1)
    answer(unit=work.unit, flop=work.flop, about=dict(work.about))
    for line in sys.stdin:
        if line.strip() == "peak":
            answer(peak_mib=(work.peak_mib or peak_mib)())
            continue
        started = time.perf_counter()
        work.run(int(line))
        answer(seconds=time.perf_counter() - started)


def peak_mib() -> float:
    """Returns the most memory that this process had."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` begins with what the process had that started this one.
        (line,) = (one for one in status.open() if one.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    return peak / 1024**2
