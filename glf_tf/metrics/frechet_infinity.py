# SPDX-License-Identifier: Apache-2.0
"""The Frechet distance of infinitely many samples, by extrapolation.

Chong, Forsyth, Effectively Unbiased FID and Inception Score and Where to Find Them,
2019, https://arxiv.org/abs/1911.07023

The bias of the distance is about `slope / count`, with a slope that differs from model
to model, so that even equal counts do not make two models comparable. The intercept at
0 of a line through the distances of several counts, against `1 / count`, is the
estimate. The bias due to the reference's own finite count remains.
"""

__all__ = ["Extrapolation", "distance", "fit_line"]

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np

from glf_tf import errors, seeds, types
from glf_tf.metrics import frechet, vectors


@dataclasses.dataclass(frozen=True)
class Extrapolation:
    """A line `distance = value + slope / count`.

    Attributes:
        value: The distance at infinitely many samples.
        slope: The slope of the bias.
        counts: The sample counts on the line.
        distances: The distances measured there.
    """

    value: float
    slope: float
    counts: tuple[int, ...]
    distances: tuple[float, ...]


def distance(
    features: types.Tensor,
    *,
    reference: frechet.Statistics,
    seed: types.Seed,
    points: int = 15,
    smallest: int | None = None,
) -> Extrapolation:
    """Returns the distance at infinity.

    Args:
        features: `[size, dim]` of the samples.
        reference: Statistics of the real images.
        seed: Seed of the subsets.
        points: Number of counts, evenly spaced.
        smallest: The smallest count; None for 5,000 as in the paper, or for half of the
            samples if there are fewer than 10,000.

    Raises:
        InvalidValue: The features are invalid, or fewer than two counts differ.
    """
    features = vectors.check(features)
    size, dim = features.shape
    smallest = min(5000, size // 2) if smallest is None else smallest
    note = frechet.small_sample_note(min(smallest, reference.count), dim=dim)
    if note:
        warnings.warn(note, vectors.SmallSampleWarning, stacklevel=2)
    counts = np.unique(np.linspace(max(smallest, 2), size, points).astype(int))
    _check_counts(counts, size=size)
    distances = [
        frechet.raw_distance(
            frechet.statistics(vectors.subset(features, count=count, seed=part)),
            reference=reference,
        )
        for count, part in zip(counts, seeds.split(seed, num=len(counts)), strict=True)
    ]
    return fit_line(counts.tolist(), distances=distances)


def fit_line(counts: list[int], *, distances: list[float]) -> Extrapolation:
    """Returns the least-squares line of distances against `1 / count`.

    Raises:
        InvalidValue: Fewer than two counts differ.
    """
    _check_counts(counts, size=max(counts, default=0))
    slope, value = np.polyfit(1 / np.asarray(counts), np.asarray(distances), deg=1)
    return Extrapolation(float(value), float(slope), tuple(counts), tuple(distances))


def _check_counts(counts: Sequence[int], *, size: int) -> None:
    if len(set(counts)) < 2 or max(counts) > size:
        raise errors.InvalidValue(
            "A line needs distances at two or more sample counts, up to all samples",
            received=f"counts {sorted(set(map(int, counts)))} of {size} samples",
            do="Draw more samples, or use more points and a smaller `smallest`",
        )
