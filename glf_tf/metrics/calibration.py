# SPDX-License-Identifier: Apache-2.0
"""Whether the regions of a density contain as many held-out vectors as they should.

The rank of a held-out vector among draws of the density, by a coordinate or by the
log-density, is uniform if the density is right: the probability integral transform.
Ranks by log-density say in which highest-density regions the vectors are.

Talts, Betancourt, Simpson, Vehtari, Gelman: Validating Bayesian Inference Algorithms
with Simulation-Based Calibration, 2018, on ranks among draws.
https://arxiv.org/abs/1804.06788
"""

__all__ = ["Calibration", "chance", "ranks", "summary"]

import dataclasses
import math

import numpy as np

from glf_tf import errors


@dataclasses.dataclass(frozen=True)
class Calibration:
    """The coverage of a density's regions, against what it should be.

    With `coverage(p)` the share of held-out vectors in the region of probability `p`:

        error = mean |coverage(p) - p|,  bias = mean(coverage(p) - p),
        distance = max |coverage(p) - p|

    over p in [0, 1]. The distance is that of Kolmogorov and Smirnov. If the regions are
    those of highest density, the bias is negative where the density is too narrow.

    Attributes:
        ranks: Ranks of the vectors in [0, 1], increasing, `[size]`.
        error: The expected calibration error, from 0 to 1/2.
        bias: From -1/2 to 1/2.
        distance: From 0 to 1.
    """

    ranks: np.ndarray
    error: float
    bias: float
    distance: float

    def coverage(self, probability: np.ndarray) -> np.ndarray:
        """Returns the share of vectors in each region, of its probability."""
        found = np.searchsorted(self.ranks, probability, side="right")
        return found / len(self.ranks)


def ranks(vectors: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Returns the share of draws below each vector, by coordinate, `[size, dim]`.

    Equal numbers count half.

    Args:
        vectors: `[size, dim]`.
        drawn: `[draws, dim]`.

    Raises:
        InvalidValue: There are none, or a number is not finite.
    """
    for name, numbers in (("vectors", vectors), ("draws", drawn)):
        if not numbers.size or not np.isfinite(numbers).all():
            raise errors.InvalidValue(
                "Ranks are those of finite numbers among finite draws",
                received=f"{np.count_nonzero(~np.isfinite(numbers))} of {numbers.size} "
                f"numbers not finite, of {name}",
                do="Check the model with these vectors",
            )
    columns = []
    for column, of_draws in zip(vectors.T, np.sort(drawn, axis=0).T, strict=True):
        ends = [np.searchsorted(of_draws, column, side) for side in ("left", "right")]
        columns.append(np.mean(ends, axis=0) / len(of_draws))
    return np.stack(columns, axis=-1)


def summary(rank: np.ndarray) -> Calibration:
    """Summarises ranks `[size]` in [0, 1]."""
    rank = np.sort(rank)
    below, above = np.arange(len(rank)) / len(rank), np.arange(1, len(rank) + 1)
    above = above / len(rank)
    middles = (np.arange(_LEVELS) + 0.5) / _LEVELS
    off = np.searchsorted(rank, middles, side="right") / len(rank) - middles
    return Calibration(
        ranks=rank,
        error=float(np.abs(off).mean()),
        bias=float(off.mean()),
        distance=float(np.maximum(above - rank, rank - below).max()),
    )


def chance(size: int, draws: int, *, curves: int = 1, level: float = 0.05) -> float:
    """Returns the distance that a density which is right exceeds by chance.

        sqrt(-log(level / (2 curves)) / 2 * (1 / size + 1 / draws))

    The asymptotic distance of Kolmogorov and Smirnov for two samples, of Bonferroni's
    share of the level.

    Args:
        size: Number of vectors.
        draws: Number of draws among which they are ranked.
        curves: Number of distances of which the largest is judged.
        level: The probability that it is exceeded, at most.
    """
    return math.sqrt(-math.log(level / (2 * curves)) / 2 * (1 / size + 1 / draws))


_LEVELS = 1000
"""Probabilities of which the mean is taken."""
