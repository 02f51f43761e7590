# SPDX-License-Identifier: Apache-2.0
"""What was measured, as a table and as numbers."""

__all__ = ["Entry", "Result", "to_markdown", "to_json"]

import dataclasses
import statistics
from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class Entry:
    """What one library did of a case.

    Attributes:
        name: The library.
        rates: Things a second, a round each; none where it failed.
        flop: Floating-point operations of a thing; 0 where nobody counted.
        peak_mib: The most memory of its process; 0 where nobody measured.
        about: Versions and the like.
        error: Why it failed.
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
        """Half of what lies between the least and the greatest, over the median."""
        return (max(self.rates) - min(self.rates)) / (2.0 * self.median)


@dataclasses.dataclass(frozen=True)
class Result:
    """A case as it was measured; the first entry is this library's."""

    name: str
    title: str
    unit: str
    entries: Sequence[Entry]


def to_markdown(results: Sequence[Result], *, peak_flops: float) -> str:
    """Returns a table a case.

    Args:
        results: The cases.
        peak_flops: The machine's rate of matrix products; 0 where it is not known.
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
    # All do the same arithmetic, which this library counts.
    flops = ours.flop * entry.median
    share = f"{flops / peak_flops:.0%}" if flops and peak_flops else ""
    memory = f"{entry.peak_mib:,.0f}" if entry.peak_mib else ""
    return (
        f"| {entry.name} | {_rate(entry.median)} | ± {entry.spread:.0%} | {ratio} "
        f"| {share} | {memory} |"
    )


def _rate(rate: float) -> str:
    """Returns a rate, and of what takes long what one takes."""
    told = f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
    return told if rate >= 10 else f"{told} ({1.0 / rate:.3g} s each)"
