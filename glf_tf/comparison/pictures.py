# SPDX-License-Identifier: Apache-2.0
"""Draws the samples of all recipes side by side, below real images."""

__all__ = ["draw"]

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from glf_tf.tasks import pictures

PANELS_A_ROW = 4
_SIDE = 2.6
"""Side of a panel, in inches."""
_IMAGES_A_SIDE = 6


def draw(samples: Mapping[str, np.ndarray], *, real: np.ndarray) -> figure_lib.Figure:
    """Returns the figure.

    Args:
        samples: By label, uint8 `[n, height, width, channels]`, drawn with one seed.
        real: Test images, uint8 `[size, height, width, channels]`, of which the first
            are a row.
    """
    columns = min(max(len(samples), 2), PANELS_A_ROW)
    rows = -(-len(samples) // columns)
    figure = figure_lib.Figure(
        figsize=(_SIDE * columns, 0.8 + (_SIDE + 0.3) * rows),
        dpi=150,
        layout="constrained",
    )
    grid = figure.add_gridspec(1 + rows, columns, height_ratios=[0.2] + [1] * rows)
    strip = _unit(real[: _IMAGES_A_SIDE * columns])
    picture = pictures.grid(strip, columns=len(strip))
    _show(figure.add_subplot(grid[0, :]), picture, title="real test images")
    for index, (label, images) in enumerate(samples.items()):
        panel = figure.add_subplot(grid[1 + index // columns, index % columns])
        picture = pictures.grid(_unit(images), columns=_IMAGES_A_SIDE)
        _show(panel, picture, title=label)
    return figure


def _show(panel: axes_lib.Axes, picture: np.ndarray, *, title: str) -> None:
    panel.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255)
    panel.set_title("\n".join(textwrap.wrap(title, 34)), fontsize=8)
    panel.set_axis_off()


def _unit(images: np.ndarray) -> np.ndarray:
    return np.float32(images) / 255.0
