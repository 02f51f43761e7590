# SPDX-License-Identifier: Apache-2.0
"""Draws measures by the values of an option: a panel a measure, a line a system."""

__all__ = ["Point", "draw"]

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from glf_tf.plotting import curves_figure


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
    columns = min(len(panels), curves_figure.PANELS_A_ROW)
    rows = -(-len(panels) // columns)
    size = (max(4.4 * columns, 6.0), 3.4 * rows + 0.6)
    figure = figure_lib.Figure(figsize=size, dpi=150, layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for place, (title, lines) in zip(places, panels.items(), strict=False):
        _draw_panel(place, lines, title=title, option=option)
    for place in places[len(panels) :]:
        place.set_axis_off()
    drawn = places[0].containers
    figure.legend(
        handles=[container.lines[0] for container in drawn],
        labels=[container.get_label() for container in drawn],
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
    panel.set_title(title, fontsize=11, pad=12)
    panel.set_xlabel(option)
    colours, styles = curves_figure.COLOURS, curves_figure.STYLES
    for index, (label, points) in enumerate(lines.items()):
        if all(math.isnan(point.mean) for point in points):
            continue
        panel.errorbar(
            range(len(points)),
            [point.mean for point in points],
            yerr=[point.deviation or math.nan for point in points],
            label=label,
            color=colours[index % len(colours)],
            linestyle=styles[index // len(colours) % len(styles)],
            marker="o",
            markersize=4,
            capsize=2,
            linewidth=1.5,
        )
    values = [point.value for point in next(iter(lines.values()))]
    panel.set_xticks(range(len(values)), values)
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)
