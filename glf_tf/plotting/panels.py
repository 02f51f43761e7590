# SPDX-License-Identifier: Apache-2.0
"""Figures of panels in rows, and how their lines look."""

__all__ = ["figure_of", "colour", "look", "plain"]

from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
)
"""Okabe and Ito's colours, which the colour-blind can distinguish, without yellow,
which is too pale for lines on white.
"""

_STYLES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
"""Line styles, changed after each pass through the colours."""

_A_ROW = 3


def figure_of(count: int) -> tuple[figure_lib.Figure, list[axes_lib.Axes]]:
    """Returns a figure with so many panels, at most three in a row, and the panels."""
    columns = 2 if count == 4 else min(count, _A_ROW)
    rows = -(-count // columns)
    size = (max(4.4 * columns, 6.0), 3.4 * rows + 0.6)
    figure = figure_lib.Figure(figsize=size, dpi=150, layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for place in places[count:]:
        place.set_axis_off()
    return figure, places[:count]


def colour(index: int) -> str:
    """Returns the colour of a figure's line, by its number."""
    return _COLOURS[index % len(_COLOURS)]


def look(index: int) -> dict:
    """Returns colour, style and width of a figure's line, by its number."""
    turn = index // len(_COLOURS)
    return {
        "color": colour(index),
        "linestyle": _STYLES[turn % len(_STYLES)],
        "linewidth": 1.6,
    }


def plain(panel: axes_lib.Axes, *, title: str, x: str, y: str = "") -> None:
    """Names a panel and its axes, and gives it a light grid."""
    panel.set_title(title, fontsize=11, pad=12)
    panel.set_xlabel(x)
    panel.set_ylabel(y)
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
