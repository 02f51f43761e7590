# SPDX-License-Identifier: Apache-2.0
"""Decodes pictures in chunks, so that memory use does not grow with their number."""

__all__ = ["OnBroken", "Report", "chunks"]

import collections
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Literal, TypeVar

import numpy as np
from absl import logging

from glf_tf import errors, progress
from glf_tf.data import pictures

OnBroken = Literal["refuse", "skip"]
Item = TypeVar("Item")

_CHUNK = 64
_WORKERS = 2
_NAMED = 100
_BROKEN = (errors.Damaged, errors.InvalidValue)


@dataclasses.dataclass
class Report:
    """A report on decoded pictures, filled while they are decoded.

    Attributes:
        used: The indices of the items that were decoded.
        broken: The other items, each with the reason why it is broken.
        notes: Number of pictures by note, such as "were enlarged".
    """

    used: list[int] = dataclasses.field(default_factory=list)
    broken: list[str] = dataclasses.field(default_factory=list)
    notes: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def __post_init__(self):
        """Knows of no advice and resized pictures yet, which caches do not keep."""
        self.advice: set[tuple[str, str]] = set()
        self.resized = 0

    @property
    def record(self) -> dict[str, object]:
        """The fields, by name, which JSON can keep."""
        return {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self)
        }

    def add(self, results: list[pictures.Picture | errors.UserError]) -> None:
        """Adds the results of further items, in order."""
        for result in results:
            if isinstance(result, errors.UserError):
                self.broken.append(result.received)
                # Of what is readable, and of no use here, the error says what to do.
                is_readable = isinstance(result, errors.InvalidValue)
                self.advice.add((result.rule, result.do) if is_readable else ("", ""))
            else:
                self.used.append(len(self.used) + len(self.broken))
                self.notes.update(result.notes)
                self.resized += result.is_resized

    def __str__(self) -> str:
        total = len(self.used) + len(self.broken)
        lines = [f"{len(self.used)} of {total} pictures used"]
        lines += [f"{self.notes[note]} {note}" for note in sorted(self.notes)]
        if self.broken:
            lines.append(f"skipped {len(self.broken)} broken: {_named(self.broken)}")
        return "; ".join(lines)


def chunks(
    items: Iterable[Item],
    decode: Callable[[Item], pictures.Picture],
    *,
    name: str,
    total: int | None = None,
    on_broken: OnBroken = "refuse",
    flag: str = "",
    report: Report | None = None,
) -> Iterator[np.ndarray]:
    """Yields the decoded items in order, with a progress bar on a terminal.

    Args:
        items: The files, or their contents.
        decode: Returns a picture, or raises `Damaged` or `InvalidValue`.
        name: The data set's name, for the bar and messages.
        total: The number of items, if it is known.
        on_broken: "refuse" decodes all items and then raises an error that lists the
            broken ones; "skip" leaves them out and warns at the end.
        flag: The flag that sets `on_broken`, for advice; "" if there is none.
        report: Filled with the results.

    Yields:
        images: uint8 `[chunk, height, width, channels]`, never empty.

    Raises:
        Damaged: Items are broken and `on_broken` is "refuse", or all are broken.
    """
    report = Report() if report is None else report
    bar = progress.bar(f"decode {name}", total=total, unit="image")
    with bar as shown, futures.ThreadPoolExecutor(_WORKERS) as pool:
        for group in _grouped(items):
            results = list(pool.map(lambda item: _attempt(decode, item), group))
            report.add(results)
            shown.update(len(group))
            images = [
                result.pixels
                for result in results
                if isinstance(result, pictures.Picture)
            ]
            if images and not (report.broken and on_broken == "refuse"):
                yield np.stack(images)
    _conclude(report, name=name, on_broken=on_broken, flag=flag)


def _grouped(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while group := list(itertools.islice(iterator, _CHUNK)):
        yield group


def _attempt(
    decode: Callable[[Item], pictures.Picture], item: Item
) -> pictures.Picture | errors.UserError:
    try:
        return decode(item)
    except _BROKEN as error:
        return error


def _conclude(report: Report, *, name: str, on_broken: OnBroken, flag: str) -> None:
    """Logs the report, or raises an error for broken items."""
    if report.broken and on_broken == "refuse":
        rule = f"Every picture of {name} must be readable"
        do = "Fetch them again, convert them to PNG of 8 bits, or remove them"
        if len(report.advice) == 1 and ("", "") not in report.advice:
            ((rule, do),) = report.advice
        raise errors.Damaged(
            rule,
            received=f"{len(report.broken)} broken: {_named(report.broken)}",
            do=do + (f", or pass {flag}=skip" if flag else ""),
        )
    if not report.used:
        broken = f"{len(report.broken)} broken: {_named(report.broken)}"
        raise errors.Damaged(
            f"At least one picture of {name} must be readable",
            received=broken if report.broken else "no pictures",
            do="Check the files",
        )
    if report.broken or report.notes:
        logging.warning("%s: %s", name, report)


def _named(received: list[str]) -> str:
    return "; ".join([*received[:_NAMED], *(["..."] if len(received) > _NAMED else [])])
