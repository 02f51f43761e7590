# SPDX-License-Identifier: Apache-2.0
"""Progress of long work: a bar on a terminal, elsewhere a line now and then."""

__all__ = ["Bar", "bar", "duration", "over"]

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TextIO, TypeVar

import tqdm

SECONDS = 30.0
"""Seconds between lines where there is no terminal."""

T = TypeVar("T")


class Bar(Protocol):
    """What shows how far a work is."""

    def update(self, n: int = 1) -> object:
        """Tells that `n` more of the work are done."""

    def __enter__(self) -> "Bar":
        """Starts."""

    def __exit__(self, *error: object) -> object:
        """Ends."""


def bar(name: str, *, total: int | None = None, unit: str = "it") -> Bar:
    """Returns a bar, for `with`.

    Args:
        name: What is done.
        total: How many there are to do, if that is known.
        unit: What is counted, such as "image".
    """
    if sys.stderr.isatty():
        return tqdm.tqdm(desc=name, total=total, unit=unit, dynamic_ncols=True)
    return _Lines(name, total=total, unit=unit, stream=sys.stderr)


def over(items: Iterable[T], name: str, *, unit: str = "iteration") -> Iterator[T]:
    """Yields items, and shows how far one is."""
    total = len(items) if isinstance(items, Sized) else None
    with bar(name, total=total, unit=unit) as shown:
        for item in items:
            yield item
            shown.update(1)


def duration(seconds: float) -> str:
    """Returns seconds in words: "45 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


class _Lines:
    """A bar that writes a line every half minute, and none of work that is shorter."""

    def __init__(self, name: str, *, total: int | None, unit: str, stream: TextIO):
        self._name, self._total, self._unit = name, total, unit
        self._stream, self._done = stream, 0
        self._began = self._told = time.monotonic()

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self, n: int = 1) -> None:
        """Tells that `n` more are done."""
        self._done += n
        now = time.monotonic()
        if now - self._told >= SECONDS and self._done:
            self._told = now
            print(self._line(now - self._began), file=self._stream, flush=True)

    def _line(self, seconds: float) -> str:
        if self._total is None:
            return f"{self._name}: {self._done:,} {self._unit}s in {duration(seconds)}"
        left = seconds * (self._total - self._done) / self._done
        return (
            f"{self._name}: {self._done:,} of {self._total:,} {self._unit}s, "
            f"{duration(left)} to go"
        )
