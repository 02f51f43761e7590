# SPDX-License-Identifier: Apache-2.0
"""A worker: a process that runs a case on request.

Each library works in its own process, so that they share no threads or memory. A worker
reads lines from its standard input, and answers each with a line of JSON:

    a number N   does N units of work; {"seconds": ...}
    peak         {"peak_mib": ...}, the most memory that it had

Workers import nothing else of glf_tf, which need not be installed for those of the
peers.
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
    """The work of a case.

    Attributes:
        run: Runs a number of units.
        unit: Number of counted units, such as images, in a unit of work.
        flop: Floating-point operations per counted unit; 0 if unknown.
        about: Further information for the results, such as versions.
        peak_mib: Returns its peak memory; None for that of this process.
    """

    run: Callable[[int], None]
    unit: int
    flop: float = 0.0
    about: Mapping[str, str] = dataclasses.field(default_factory=dict)
    peak_mib: Callable[[], float] | None = None


def serve(cases: Mapping[str, Callable[[], Work]]) -> None:
    """Serves the work of the case in the first argument."""
    # Answers have a copy of standard output, as libraries print to the original.
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
    """Returns the peak memory of this process."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` includes the memory of the process that started this one.
        (line,) = (text for text in status.open() if text.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    return peak / 1024**2
