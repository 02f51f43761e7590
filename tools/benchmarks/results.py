# SPDX-License-Identifier: Apache-2.0
"""The results as tables and as JSON."""

__all__ = ["Entry", "Result", "to_markdown", "to_json"]

import dataclasses
import statistics
from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class Entry:
    """The result of one library in a case.

    Attributes:
        name: The library.
        rates: Units per second, one per round; none if it failed.
        flop: Floating-point operations per unit; 0 if unknown.
        peak_mib: Peak memory of its process; 0 if unknown.
        about: Further information, such as versions.
        error: The error if it failed.
    """

    name: str
    rates: Sequence[float] = ()
    flop: float = 0.0
    peak_mib: float = 0.0
    about: Mapping[str, str] = dataclasses.field(default_factory=dict)
    error: str = ""

    @property
    def median(self) -> float:
        """The median of the rates."""
        return statistics.median(self.rates)

    @property
    def spread(self) -> float:
        """Half of the range, relative to the median."""
        return (max(self.rates) - min(self.rates)) / (2.0 * self.median)


@dataclasses.dataclass(frozen=True)
class Result:
    """The results of a case; the first entry is this library's."""

    name: str
    title: str
    unit: str
    entries: Sequence[Entry]


def to_markdown(results: Sequence[Result], *, peak_flops: float) -> str:
    """Returns one table per case.

    Args:
        results: The cases.
        peak_flops: The machine's rate of matrix products; 0 if unknown.
    """
    return "\n\n".join(_table(result, peak_flops=peak_flops) for result in results)


def to_json(results: Sequence[Result], *, about: Mapping[str, object]) -> dict:
    """Returns everything, as JSON values."""
    return {
        **about,
        "cases": [
            {
                "name": result.name,
                "title": result.title,
                "unit": result.unit,
                "entries": [dataclasses.asdict(entry) for entry in result.entries],
            }
            for result in results
        ],
    }


def _table(result: Result, *, peak_flops: float) -> str:
    lines = [
        f"**{result.title}**",
        "",
        f"| | {result.unit}/s | spread | glf_tf is | of matrix products | peak MiB |",
        "|---|---|---|---|---|---|",
        *(
            _row(entry, ours=result.entries[0], peak_flops=peak_flops)
            for entry in result.entries
        ),
    ]
    return "\n".join(lines)


def _row(entry: Entry, *, ours: Entry, peak_flops: float) -> str:
    if entry.error:
        return f"| {entry.name} | failed: {entry.error} | | | | |"
    ratio = "" if entry is ours or ours.error else f"{ours.median / entry.median:.2f} x"
    # All do the same arithmetic, counted by this library.
    flops = ours.flop * entry.median
    share = f"{flops / peak_flops:.0%}" if flops and peak_flops else ""
    memory = f"{entry.peak_mib:,.0f}" if entry.peak_mib else ""
    return (
        f"| {entry.name} | {_rate(entry.median)} | ± {entry.spread:.0%} | {ratio} "
        f"| {share} | {memory} |"
    )


def _rate(rate: float) -> str:
    """Returns a rate, with the seconds per unit if it is small."""
    text = f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
    return text if rate >= 10 else f"{text} ({1.0 / rate:.3g} s each)"
