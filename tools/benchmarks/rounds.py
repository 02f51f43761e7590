# SPDX-License-Identifier: Apache-2.0
"""Measures workers by turns, so that a machine that drifts drifts for all of them."""

__all__ = ["Worker", "Failed", "alternate"]

import contextlib
import json
import pathlib
import statistics
import subprocess
import tempfile
from collections.abc import Sequence

_FOLDER = pathlib.Path(__file__).parent


class Failed(Exception):
    """A worker ended before it had answered."""


class Worker:
    """A process that runs `worker.serve`, and what it said of its work.

    Attributes:
        name: What the table calls it.
        unit: How many things a unit of its work is.
        flop: Floating-point operations of a thing.
        about: Versions and the like.
        rates: Things a second, a round each.
    """

    def __init__(
        self, name: str, *, python: str, script: str, arguments: Sequence[str]
    ):
        """Starts the process, and waits until the first unit is done."""
        self.name, self.rates = name, []
        # A file: a pipe that nobody reads would fill.
        self._told = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as this
        try:
            self._process = subprocess.Popen(
                [python, str(_FOLDER / script), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._told,
                text=True,
            )
        except OSError as error:
            raise Failed(f"{name} did not start: {error}") from error
        described = self._read()
        self.unit, self.flop = described["unit"], described["flop"]
        self.about = described["about"]
        self._units = 1

    def calibrate(self, seconds: float) -> None:
        """Finds out how many units take so many seconds."""
        took = self._ask(1)["seconds"]
        while took < seconds / 4:
            self._units *= max(2, min(int(seconds / 2 / max(took, 1e-9)), 16))
            took = self._ask(self._units)["seconds"]
        self._units = max(1, round(self._units * seconds / took))

    def measure(self) -> None:
        """Does its work once more, and keeps the rate."""
        seconds = self._ask(self._units)["seconds"]
        self.rates.append(self._units * self.unit / seconds)

    def peak_mib(self) -> float:
        """Returns the most memory that the process had, in MiB."""
        return self._ask("peak")["peak_mib"]

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._told.close()

    @property
    def median(self) -> float:
        """The median of its rates."""
        return statistics.median(self.rates)

    def _ask(self, what: object) -> dict:
        with contextlib.suppress(BrokenPipeError):  # reading says why
            print(what, file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict:
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._process.wait()
        self._told.seek(0)
        last = self._told.read().strip().splitlines()[-1:] or ["without a word"]
        raise Failed(f"{self.name} ended: {last[0]}")


def alternate(workers: Sequence[Worker], *, rounds: int, seconds: float) -> None:
    """Lets each worker work for so many seconds, in turn, so many rounds."""
    for worker in workers:
        worker.calibrate(seconds)
    for _ in range(rounds):
        for worker in workers:
            worker.measure()
