# SPDX-License-Identifier: Apache-2.0
"""The figure of calibration: coverage against the probability of regions."""

__all__ = ["draw"]

import numpy as np
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from glf_tf.evaluation import calibrations
from glf_tf.plotting import panels as panels_lib


def draw(ranks: calibrations.Ranks) -> figure_lib.Figure:
    """Returns the figure: regions of highest density, and a line per coordinate.

    The diagonal, dotted, is that of a density that is right, and all its curves are in
    the grey band with a probability of 95 %. Below the diagonal on the left, a density
    is too narrow.
    """
    figure = figure_lib.Figure(figsize=(9.6, 4.8), dpi=150, layout="constrained")
    regions, coordinates = figure.subplots(1, 2)
    level = np.linspace(0.0, 1.0, 501)
    blue = panels_lib.colour(0)
    _name_axes(regions, "regions of highest density", x="probability of the region")
    _shade(regions, ranks.chance(curves=1))
    regions.plot(level, ranks.regions.coverage(level), color=blue, linewidth=1.8)
    regions.text(0.04, 0.93, _numbers(ranks.regions.error, ranks.regions.bias))
    _name_axes(coordinates, "coordinates", x="probability below")
    _shade(coordinates, ranks.chance(curves=len(ranks.coordinates)))
    for found in ranks.coordinates:
        coordinates.plot(
            level, found.coverage(level), color=blue, alpha=0.4, linewidth=0.8
        )
    worst = max(found.distance for found in ranks.coordinates)
    coordinates.text(0.04, 0.93, f"largest distance {worst:.3f}")
    return figure


def _shade(panel: axes_lib.Axes, distance: float) -> None:
    """Shades what is at most so far from the diagonal."""
    ends = np.array([0.0, 1.0])
    panel.fill_between(
        ends, ends - distance, ends + distance, color="#e6e6e6", zorder=0
    )


def _numbers(error: float, bias: float) -> str:
    return f"error {error:.3f}, bias {bias:+.3f}"


def _name_axes(panel: axes_lib.Axes, title: str, *, x: str) -> None:
    panel.plot([0, 1], [0, 1], color="#888888", linestyle="dotted")
    panels_lib.plain(panel, title=title, x=x, y="share of held-out latents")
    panel.set_xlim(0.0, 1.0)
    panel.set_ylim(0.0, 1.0)
    panel.set_aspect("equal")
