# SPDX-License-Identifier: Apache-2.0
"""Draws measures by the values of an option: a panel a measure, a line a system."""

__all__ = ["Point", "draw"]

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from glf_tf.plotting import panels as panels_lib


class Point(NamedTuple):
    """A measure at a value of the option.

    Attributes:
        value: The value, as it was given.
        mean: The measure; NaN where there is none.
        deviation: Its deviation; None for a single number.
    """

    value: str
    mean: float
    deviation: float | None = None


def draw(
    panels: Mapping[str, Mapping[str, Sequence[Point]]], *, option: str
) -> figure_lib.Figure:
    """Returns the figure.

    Args:
        panels: By the name of a measure, the points of each system. All systems have
            the same values, which lie evenly spaced; those without a number have no
            line.
        option: What the values are of.
    """
    figure, places = panels_lib.figure_of(len(panels))
    for place, (title, lines) in zip(places, panels.items(), strict=True):
        _draw_panel(place, lines, title=title, option=option)
    drawn = {line.get_label(): line for place in places for line in place.containers}
    figure.legend(
        handles=[line.lines[0] for line in drawn.values()],
        labels=list(drawn),
        loc="outside right center",
        handlelength=3.5,
        frameon=False,
    )
    return figure


def _draw_panel(
    panel: axes_lib.Axes,
    lines: Mapping[str, Sequence[Point]],
    *,
    title: str,
    option: str,
) -> None:
    panels_lib.plain(panel, title=title, x=option)
    for index, (label, points) in enumerate(lines.items()):
        if all(math.isnan(point.mean) for point in points):
            continue
        panel.errorbar(
            range(len(points)),
            [point.mean for point in points],
            yerr=[point.deviation or math.nan for point in points],
            label=label,
            marker="o",
            markersize=4,
            capsize=2,
            **panels_lib.look(index),
        )
    values = [point.value for point in next(iter(lines.values()))]
    panel.set_xticks(range(len(values)), values)
