# SPDX-License-Identifier: Apache-2.0
"""Draws scalars of several runs: one panel per scalar, one line per run."""

__all__ = ["Line", "draw", "to_csv"]

import csv
import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import lines as lines_lib
from matplotlib import ticker

from glf_tf import errors
from glf_tf.plotting import curves
from glf_tf.plotting import panels as panels_lib

_BEYOND = 0.5
"""Maximum extension of an axis by a diverged line, relative to the other lines."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A run in the figure.

    Attributes:
        label: Its name in the legend.
        history: Its scalars.
    """

    label: str
    history: curves.History

    @property
    def legend(self) -> str:
        """The label, and whether the run diverged."""
        if self.history.diverged_at is None:
            return self.label
        in_epoch = len(self.history.epoch_lines) + 1
        return f"{self.label} (diverged in epoch {in_epoch})"


def draw(
    lines: Sequence[Line], *, scalars: Sequence[str], log_y: bool = False
) -> figure_lib.Figure:
    """Returns the figure.

    The line of a diverged run ends in a cross.

    Args:
        lines: The runs.
        scalars: Names of scalars, one panel each.
        log_y: Whether the values' axes are logarithmic.

    Raises:
        InvalidValue: No run has one of the scalars.
    """
    _check(lines, scalars=scalars)
    figure, panels = panels_lib.figure_of(len(scalars))
    for panel, scalar in zip(panels, scalars, strict=True):
        _draw_panel(panel, lines, scalar=scalar, log_y=log_y)
    width = figure.get_figwidth()
    handles = [_handle(line, index) for index, line in enumerate(lines)]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=max(1, min(len(lines), int(width // _legend_inches(lines)))),
        frameon=False,
    )
    return figure


def to_csv(lines: Sequence[Line], *, scalars: Sequence[str]) -> str:
    """Returns the data of the figure as CSV, one point per line.

    The columns are scalar, label, run, epoch, step, value and diverged, which is "yes"
    in all lines of a diverged run.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    columns = ("scalar", "label", "run", "epoch", "step", "value", "diverged")
    writer.writerow(columns)
    for scalar in scalars:
        for line in lines:
            diverged = "no" if line.history.diverged_at is None else "yes"
            curve = line.history.curve(scalar)
            for point in zip(curve.epochs, curve.steps, curve.values, strict=True):
                epoch, step, value = point
                run = line.history.path
                numbers = (f"{epoch:.6g}", f"{step:.0f}", repr(float(value)))
                writer.writerow([scalar, line.label, run, *numbers, diverged])
    return stream.getvalue()


def _check(lines: Sequence[Line], *, scalars: Sequence[str]) -> None:
    known = {name for line in lines for name in line.history.names}
    for scalar in scalars:
        if scalar not in known:
            raise errors.InvalidValue(
                "A scalar must be one of a run's",
                received=f"{scalar}, which none of {len(lines)} run(s) has",
                do=errors.suggestion(scalar, known),
            )
        if not any(len(line.history.curve(scalar).steps) for line in lines):
            raise errors.NotFound(
                "A curve begins where a run's first epoch ends",
                received=f"{scalar} of {len(lines)} run(s) that have ended none",
                do="Wait for the first epoch to end",
            )


def _draw_panel(
    panel: axes_lib.Axes, lines: Sequence[Line], *, scalar: str, log_y: bool
) -> None:
    panels_lib.plain(panel, title=scalar, x="epoch")
    panel.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
    if log_y:
        panel.set_yscale("log", nonpositive="mask")
        panel.yaxis.set_major_formatter(ticker.LogFormatter())
        panel.yaxis.set_minor_formatter(ticker.LogFormatter(minor_thresholds=(2, 0.5)))
    drawn = [_finite(line.history.curve(scalar), log_y=log_y) for line in lines]
    bounds = _bounds(lines, drawn, log_y=log_y)
    if bounds is not None:
        panel.set_ylim(*bounds)
    for index, (line, (epochs, values)) in enumerate(zip(lines, drawn, strict=True)):
        marker = "o" if len(epochs) == 1 else None
        panel.plot(
            epochs, values, marker=marker, markersize=4, **panels_lib.look(index)
        )
        if line.history.diverged_at is not None and len(epochs):
            _cross(
                panel, epochs[-1], values[-1], colour=panels_lib.look(index)["color"]
            )


def _cross(panel: axes_lib.Axes, epoch: float, value: float, *, colour: str) -> None:
    """Marks the end of a line, at the axis' limit if it is outside."""
    value = np.clip(value, *sorted(panel.get_ylim()))
    panel.plot(
        [epoch],
        [value],
        linestyle="none",
        marker="X",
        markersize=9,
        markeredgecolor="white",
        color=colour,
        clip_on=False,
        zorder=5,
    )


def _finite(curve: curves.Curve, *, log_y: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns the epochs and values that an axis can show."""
    kept = np.isfinite(curve.values)
    if log_y:
        kept &= curve.values > 0
    return curve.epochs[kept], curve.values[kept]


def _bounds(
    lines: Sequence[Line], drawn: Sequence[tuple], *, log_y: bool
) -> tuple[float, float] | None:
    """Returns limits at which a diverged run does not flatten the others.

    None, for the default limits, without others or without diverged runs.
    """
    scale = np.log if log_y else np.asarray
    calm, wild = [], []
    for line, (_, values) in zip(lines, drawn, strict=True):
        chosen = calm if line.history.diverged_at is None else wild
        chosen.extend(scale(values))
    if not calm or not wild:
        return None
    least, most = min(calm), max(calm)
    room = (most - least) or abs(most) or 1.0
    low = max(min(least, *wild), least - _BEYOND * room) - 0.05 * room
    high = min(max(most, *wild), most + _BEYOND * room) + 0.05 * room
    return (np.exp(low), np.exp(high)) if log_y else (low, high)


def _handle(line: Line, index: int) -> lines_lib.Line2D:
    """Returns a line of the legend, with a cross for a diverged run."""
    diverged = line.history.diverged_at is not None
    return lines_lib.Line2D(
        [],
        [],
        label=line.legend,
        marker="X" if diverged else None,
        markersize=8,
        markeredgecolor="white",
        **panels_lib.look(index),
    )


def _legend_inches(lines: Sequence[Line]) -> float:
    """Returns the approximate width of the widest entry of the legend."""
    return 0.8 + 0.075 * max(len(line.legend) for line in lines)
