# SPDX-License-Identifier: Apache-2.0
"""Measures workers by turns, so that a change of speed affects all of them."""

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
    """A worker ended before it answered."""


class Worker:
    """A process that runs `worker.serve`, with its results.

    Attributes:
        name: Its name in the table.
        unit: Number of counted units in a unit of its work.
        flop: Floating-point operations per unit.
        about: Further information, such as versions.
        rates: Units per second, one per round.
    """

    def __init__(
        self, name: str, *, python: str, script: str, arguments: Sequence[str]
    ):
        """Starts the process, and waits until the first unit is done."""
        self.name, self.rates = name, []
        # A file, as an unread pipe would fill.
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as this
        try:
            self._process = subprocess.Popen(
                [python, str(_FOLDER / script), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._output,
                text=True,
            )
        except OSError as error:
            raise Failed(f"{name} did not start: {error}") from error
        described = self._read()
        self.unit, self.flop = described["unit"], described["flop"]
        self.about = described["about"]
        self._units = 1

    def calibrate(self, seconds: float) -> None:
        """Measures how many units take a number of seconds."""
        took = self._ask(1)["seconds"]
        while took < seconds / 4:
            self._units *= max(2, min(int(seconds / 2 / max(took, 1e-9)), 16))
            took = self._ask(self._units)["seconds"]
        self._units = max(1, round(self._units * seconds / took))

    def measure(self) -> None:
        """Runs another round, and adds its rate."""
        seconds = self._ask(self._units)["seconds"]
        self.rates.append(self._units * self.unit / seconds)

    def peak_mib(self) -> float:
        """Returns the peak memory of the process, in MiB."""
        return self._ask("peak")["peak_mib"]

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._output.close()

    @property
    def median(self) -> float:
        """The median of its rates."""
        return statistics.median(self.rates)

    def _ask(self, what: object) -> dict:
        with contextlib.suppress(BrokenPipeError):  # reading gives the reason
            print(what, file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict:
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._process.wait()
        self._output.seek(0)
        last = self._output.read().strip().splitlines()[-1:] or ["without a word"]
        raise Failed(f"{self.name} ended: {last[0]}")


def alternate(workers: Sequence[Worker], *, rounds: int, seconds: float) -> None:
    """Runs rounds of some seconds of all workers, in turn."""
    for worker in workers:
        worker.calibrate(seconds)
    for _ in range(rounds):
        for worker in workers:
            worker.measure()
