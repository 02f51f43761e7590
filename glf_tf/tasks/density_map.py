# SPDX-License-Identifier: Apache-2.0
"""Maps of a density in the plane, beside its data and its samples."""

__all__ = ["Density", "Frame", "around", "draw", "panels"]

from typing import NamedTuple, Protocol

import numpy as np

from glf_tf.tasks import pictures

_CELLS = 96
_PIXELS = 2  # a cell's side
_MOST = 50_000

_SHADES = np.array([0.0, 0.35, 0.7, 1.0])
_COLOURS = np.array([[255, 255, 255], [86, 180, 233], [0, 114, 178], [0, 25, 45]])


class Density(Protocol):
    """What can be drawn: a trained model, or a density that is known."""

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Returns the log-density of points `[n, 2]` in nats, `[n]`."""

    def sample(self, n: int, *, seed: int) -> np.ndarray:
        """Returns points `[n, 2]`."""


class Frame(NamedTuple):
    """The part of the plane that is drawn.

    Attributes:
        low: Its lower left corner, `[2]`.
        high: Its upper right corner, `[2]`.
    """

    low: np.ndarray
    high: np.ndarray

    @property
    def edges(self) -> list[np.ndarray]:
        """Edges of the cells, ascending, in x and in y."""
        return [
            np.linspace(low, high, _CELLS + 1)
            for low, high in zip(self.low, self.high, strict=True)
        ]


def around(x: np.ndarray) -> Frame:
    """Returns the frame of points `[n, 2]`, with a margin of a tenth."""
    low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
    # Of points that do not differ, a frame of some width.
    margin = np.where(high > low, 0.1 * (high - low), 1.0 + np.abs(high))
    return Frame(low - margin, high + margin)


def draw(
    density: Density, x: np.ndarray, *, seed: int, frame: Frame | None = None
) -> np.ndarray:
    """Returns the three panels side by side, uint8 `[height, width, 3]`."""
    return pictures.grid(panels(density, x, seed=seed, frame=frame), columns=3)


def panels(
    density: Density, x: np.ndarray, *, seed: int, frame: Frame | None = None
) -> np.ndarray:
    """Returns maps of data, of a density, and of as many samples of it.

    A colour is the same density in all three: that of points is their share in a cell,
    over its area. The darkest is the density's maximum, and lighter ones are its square
    root, so that tails are seen.

    Args:
        density: The density.
        x: Data, `[n, 2]`, of which the first 50,000 are drawn.
        seed: Seed of the samples.
        frame: What is drawn, by default all of the data.

    Returns:
        panels: float32 `[3, height, width, 3]` in [0, 1].
    """
    x = x[:_MOST]
    frame = around(x) if frame is None else frame
    drawn = np.asarray(density.sample(len(x), seed=seed))
    learned = _map(density, frame)
    shares = [_shares(x, frame), learned, _shares(drawn, frame)]
    return np.stack([_coloured(share / learned.max()) for share in shares])


def _map(density: Density, frame: Frame) -> np.ndarray:
    """Returns the density at the cells' centres, `[cells, cells]`."""
    centres = [0.5 * (edges[1:] + edges[:-1]) for edges in frame.edges]
    points = np.stack(np.meshgrid(*centres), axis=-1).reshape(-1, 2)
    log_prob = np.asarray(density.log_prob(points.astype(np.float32)), np.float64)
    return np.exp(log_prob).reshape(_CELLS, _CELLS)


def _shares(x: np.ndarray, frame: Frame) -> np.ndarray:
    """Returns the share of points in each cell, over its area, `[cells, cells]`."""
    counts, _, _ = np.histogram2d(x[:, 1], x[:, 0], bins=frame.edges[::-1])
    area = np.prod((frame.high - frame.low) / _CELLS)
    return counts / (len(x) * area)


def _coloured(relative: np.ndarray) -> np.ndarray:
    """Returns the picture of a density over its maximum, upwards."""
    shade = np.sqrt(np.clip(relative, 0.0, 1.0))[::-1]
    channels = [np.interp(shade, _SHADES, values) for values in _COLOURS.T]
    picture = np.stack(channels, axis=-1).astype(np.float32) / 255.0
    return picture.repeat(_PIXELS, axis=0).repeat(_PIXELS, axis=1)
