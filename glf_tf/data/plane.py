# SPDX-License-Identifier: Apache-2.0
"""Densities in the plane that are known exactly, to learn from and to compare with.

The shapes are those that the literature of flows draws, as in Grathwohl et al.: FFJORD,
2019, https://arxiv.org/abs/1810.01367. Theirs are programs that draw points. Ours are
defined by their densities, so that the entropy, which no model can beat, is known too.
"""

__all__ = [
    *("AbstractPlanar", "Clouds", "Pinwheel", "Checkerboard"),
    *("along", "cells", "entropy"),
]

import abc
from collections.abc import Callable

import numpy as np
from scipy import special

_ROWS = 512
"""Points whose density is computed at once: their distances stay in the cache."""

_LIMIT, _SPACING = 5.0, 0.05


class AbstractPlanar(abc.ABC):
    """A density of points `[n, 2]`, almost all of which are within 5 of the origin."""

    @abc.abstractmethod
    def sample(self, n: int, *, seed: int | tuple[int, ...]) -> np.ndarray:
        """Returns points, float32 `[n, 2]`, a function of the seed."""

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Returns the log-density of points in nats, float64 `[n]`; `x` is `[n, 2]`."""
        starts = range(0, len(x), _ROWS)
        x = np.asarray(x, np.float64)
        found = [self._log_prob(x[start : start + _ROWS]) for start in starts]
        return np.concatenate([np.zeros(0), *found])

    @abc.abstractmethod
    def _log_prob(self, x: np.ndarray) -> np.ndarray:
        """Returns the log-density of a few points, `[n]`."""


class Clouds(AbstractPlanar):
    """Equal normal densities about centres.

        p(x) = mean(N(x; centre, deviation**2 I) for centre in centres)

    A noisy curve is many centres along it, nearer to each other than the deviation:
    their sum has ripples below 1e-8 of its value.

    Args:
        centres: `[count, 2]`.
        deviation: The deviation about each, in both directions.
    """

    def __init__(self, centres: np.ndarray, *, deviation: float):
        self._centres, self._deviation = centres, deviation

    def sample(self, n, *, seed):
        """Returns points."""
        # NumPy guarantees that RandomState's stream never changes; default_rng's may.
        random = np.random.RandomState(seed)
        chosen = self._centres[random.randint(len(self._centres), size=n)]
        return (chosen + self._deviation * random.randn(n, 2)).astype(np.float32)

    def _log_prob(self, x):
        x, centres = x / self._deviation, self._centres / self._deviation
        of_each = x @ centres.T
        of_each -= 0.5 * np.square(centres).sum(axis=1)
        most = of_each.max(axis=1)
        of_each -= most[:, np.newaxis]
        sums = np.log(np.exp(of_each, out=of_each).sum(axis=1))
        area = 2.0 * np.pi * self._deviation**2 * len(centres)
        return sums + most - 0.5 * np.square(x).sum(axis=1) - np.log(area)


def along(
    *curves: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    deviation: float,
    centres: int = 1000,
) -> Clouds:
    """Returns noisy curves.

    Args:
        *curves: x and y of each, as functions of u in (0, 1), which is uniform.
        deviation: The deviation of the noise.
        centres: Number of clouds on all of them.
    """
    count = centres // len(curves)
    u = (np.arange(count) + 0.5) / count
    points = [np.stack(curve(u), axis=-1) for curve in curves]
    return Clouds(np.concatenate(points), deviation=deviation)


class Pinwheel(AbstractPlanar):
    """Arms about the origin, twisted.

    An arm is a point `(1 + 0.3 eps_1, 0.1 eps_2)`, turned by the arm's angle and by
    `0.25 exp(radius)`, and doubled.

    Deviation: the original is twisted by the first coordinate, not by the radius. The
        radius is the same before and after, so that the twist has an inverse, and areas
        stay what they are: the density is the sum of those of the arms.

    Args:
        arms: Their number.
    """

    _deviations = np.array([0.3, 0.1])

    def __init__(self, *, arms: int = 5):
        self._angles = 2.0 * np.pi * np.arange(arms) / arms

    def sample(self, n, *, seed):
        """Returns points."""
        random = np.random.RandomState(seed)
        angles = self._angles[random.randint(len(self._angles), size=n)]
        straight = [1.0, 0.0] + self._deviations * random.randn(n, 2)
        return 2.0 * _turned(straight, angles + _twist(straight)).astype(np.float32)

    def _log_prob(self, x):
        x = 0.5 * x
        angles = self._angles[:, np.newaxis] + _twist(x)
        scaled = (_turned(x, -angles) - [1.0, 0.0]) / self._deviations
        of_each = -0.5 * np.square(scaled).sum(axis=-1)
        area = 4.0 * 2.0 * np.pi * np.prod(self._deviations) * len(self._angles)
        return special.logsumexp(of_each, axis=0) - np.log(area)


def _twist(x: np.ndarray) -> np.ndarray:
    # A radius beyond 50 has no density worth an overflow.
    return 0.25 * np.exp(np.minimum(np.linalg.norm(x, axis=-1), 50.0))


def _turned(x: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Returns points turned about the origin, by radians, counter-clockwise."""
    cos, sin = np.cos(angles), np.sin(angles)
    turned = [cos * x[..., 0] - sin * x[..., 1], sin * x[..., 0] + cos * x[..., 1]]
    return np.stack(turned, axis=-1)


class Checkerboard(AbstractPlanar):
    """Uniform on every other square of side 2 in [-4, 4], as on a board of 16."""

    def sample(self, n, *, seed):
        """Returns points."""
        random = np.random.RandomState(seed)
        column, row = random.randint(4, size=n), random.randint(2, size=n)
        corner = np.stack([column, 2 * row + column % 2], axis=-1)
        # Rounding to float32 may reach the next square; the density is 0 there.
        inside = np.clip(random.rand(n, 2), 1e-6, 1.0 - 1e-6)
        return (2.0 * (corner + inside) - 4.0).astype(np.float32)

    def _log_prob(self, x):
        place = np.floor(0.5 * x + 2.0)
        is_dark = np.all((place >= 0) & (place < 4), axis=-1)
        is_dark &= place.sum(axis=-1) % 2 == 0
        return np.where(is_dark, -np.log(32.0), -np.inf)


def cells(*, limit: float = _LIMIT, spacing: float = _SPACING) -> np.ndarray:
    """Returns the centres of square cells that cover `[-limit, limit]` both ways.

    Returns:
        x: Points `[count, 2]`, row by row from the lower left.
    """
    axis = np.arange(-limit + 0.5 * spacing, limit, spacing)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


def entropy(density: AbstractPlanar) -> float:
    """Returns the entropy in nats, by a sum over cells."""
    probability = np.exp(density.log_prob(cells()))
    return float(special.entr(probability).sum() * _SPACING**2)
