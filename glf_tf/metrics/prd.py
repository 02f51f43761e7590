# SPDX-License-Identifier: Apache-2.0
"""Precision and recall of distributions, as a curve, and its two summaries.

Sajjadi, Bachem, Lucic, Bousquet, Gelly, Assessing Generative Models via Precision and
Recall, 2018, https://arxiv.org/abs/1806.00035

Both sets are clustered together, and the histograms p of the reference and q of the
samples over the clusters are compared:

    precision(slope) = sum(min(slope * p, q))        recall(slope) = precision / slope

for slopes tan(angle) between 0 and infinity. F_8 weighs recall, F_1/8 precision.
"""

__all__ = ["Curve", "curve", "curve_of_histograms"]

import dataclasses

import numpy as np
import threadpoolctl
from sklearn import cluster

from glf_tf import errors, progress, types
from glf_tf.metrics import vectors

_EDGE = 1e-10  # Keeps the slopes away from 0 and infinity.


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """A precision-recall curve of distributions.

    Attributes:
        precision: `[angles]`, in [0, 1], increasing.
        recall: `[angles]`, in [0, 1], decreasing.
    """

    precision: np.ndarray
    recall: np.ndarray

    def f_score(self, beta: float) -> float:
        """Returns the largest F_beta on the curve; `beta` > 1 favours recall."""
        product = (1 + beta**2) * self.precision * self.recall
        return float(np.max(product / (beta**2 * self.precision + self.recall + _EDGE)))

    @property
    def f_8(self) -> float:
        """F_8: the fraction of the reference that the samples cover."""
        return self.f_score(8.0)

    @property
    def f_1_8(self) -> float:
        """F_1/8: the fraction of samples that look like the reference."""
        return self.f_score(1 / 8)


def curve(
    features: types.Tensor,
    *,
    reference: types.Tensor,
    seed: types.Seed,
    clusters: int = 20,
    angles: int = 1001,
    runs: int = 10,
) -> Curve:
    """Returns the curve, averaged over several clusterings.

    Args:
        features: `[size, dim]` of the samples.
        reference: `[size, dim]` of the same number of real images.
        seed: Seed of the clusterings.
        clusters: Number of k-means clusters.
        angles: Number of points of the curve.
        runs: Number of clusterings to average.

    Raises:
        InvalidValue: The counts differ, or there are fewer points than clusters.
    """
    features, reference = vectors.check_pair(features, reference=reference)
    _check_counts(len(features), reference=len(reference), clusters=clusters)
    union = np.concatenate([features, reference])
    # k-means takes differences of products, which are more precise for short vectors.
    union = (union - union.mean(axis=0, dtype=np.float64)).astype(union.dtype)
    rng = vectors.generator(seed)
    curves = []
    for _ in progress.over(range(runs), "PRD's k-means", unit="clustering"):
        histograms = _histograms(union, clusters=clusters, rng=rng)
        curves.append(curve_of_histograms(*histograms, angles=angles))
    return Curve(
        np.mean([run.precision for run in curves], axis=0),
        np.mean([run.recall for run in curves], axis=0),
    )


def curve_of_histograms(
    samples: np.ndarray, reference: np.ndarray, *, angles: int = 1001
) -> Curve:
    """Returns the curve of two normalised histograms `[bins]` over the same bins."""
    slopes = np.tan(np.linspace(_EDGE, np.pi / 2 - _EDGE, angles))[:, np.newaxis]
    precision = np.minimum(slopes * reference, samples).sum(axis=1)
    recall = precision / slopes[:, 0]
    return Curve(np.clip(precision, 0, 1), np.clip(recall, 0, 1))


def _histograms(
    union: np.ndarray, *, clusters: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the histograms of the first and the second half of `union`."""
    kmeans = cluster.MiniBatchKMeans(
        n_clusters=clusters, n_init=10, random_state=int(rng.integers(2**31))
    )
    # One thread: if other processes use the cores, more threads spin while they wait
    # for each other, and take ten times as long.
    with threadpoolctl.threadpool_limits(1):
        labels = kmeans.fit(union).labels_
    first, second = np.split(labels, 2)
    return tuple(
        np.bincount(half, minlength=clusters) / len(half) for half in (first, second)
    )


def _check_counts(samples: int, *, reference: int, clusters: int) -> None:
    if samples != reference:
        raise errors.InvalidValue(
            "PRD needs the same number of samples and real images",
            received=f"{samples} and {reference}",
            do="Draw a subset of the larger set with `vectors.subset`",
        )
    if samples < clusters:
        raise errors.InvalidValue(
            "PRD needs at least as many samples as clusters",
            received=f"{samples} samples, clusters={clusters}",
            do="Draw more samples or use fewer clusters",
        )
