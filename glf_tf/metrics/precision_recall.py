# SPDX-License-Identifier: Apache-2.0
"""Precision, recall, density and coverage, by nearest-neighbour balls.

Kynkaanniemi, Karras, Laine, Lehtinen, Aila, Improved Precision and Recall Metric for
Assessing Generative Models, 2019, https://arxiv.org/abs/1904.06991
Naeem, Oh, Uh, Choi, Yoo, Reliable Fidelity and Diversity Metrics for Generative Models,
2020, https://arxiv.org/abs/2002.09797

A point's closed ball reaches to its k-th nearest neighbour in its own set.

    precision = fraction of samples in any real ball         recall = the same, reversed
    density   = mean number of real balls a sample is in, divided by k; may exceed 1
    coverage  = fraction of real balls with any sample

Recall uses the balls of the samples, which are large if samples are scattered: noise
can raise it. Coverage, which uses the balls of real images, is more robust.
"""

__all__ = ["Scores", "scores"]

import dataclasses

import numpy as np

from glf_tf import errors, types
from glf_tf.metrics import neighbors, vectors


@dataclasses.dataclass(frozen=True)
class Scores:
    """Two measures of fidelity and two of diversity; larger is better.

    Attributes:
        precision: Fidelity, in [0, 1].
        recall: Diversity, in [0, 1].
        density: Fidelity, at least 0 and about 1 for real images.
        coverage: Diversity, in [0, 1].
    """

    precision: float
    recall: float
    density: float
    coverage: float


def scores(
    features: types.Tensor,
    *,
    reference: types.Tensor,
    precision_k: int = 3,
    density_k: int = 5,
) -> Scores:
    """Returns all four measures.

    Args:
        features: `[size, dim]` of the samples.
        reference: `[reference_size, dim]` of the real images.
        precision_k: The neighbour that bounds a ball for precision and recall.
        density_k: The same for density and coverage.

    Raises:
        InvalidValue: The features are invalid, or too few for k neighbours.
    """
    features, reference = vectors.check_pair(features, reference=reference)
    smaller = min(len(features), len(reference))
    if not 1 <= min(precision_k, density_k) <= max(precision_k, density_k) < smaller:
        raise errors.InvalidValue(
            "k must be at least 1 and smaller than the number of points of either set",
            received=f"precision_k={precision_k}, density_k={density_k}, "
            f"{smaller} points",
            do="Draw more samples",
        )
    small, large = neighbors.radii(reference, ks=(precision_k, density_k))
    (own,) = neighbors.radii(features, ks=(precision_k,))
    return _count(
        features, reference=reference, radii=(small, large, own), density_k=density_k
    )


def _count(
    features: np.ndarray,
    *,
    reference: np.ndarray,
    radii: tuple[np.ndarray, np.ndarray, np.ndarray],
    density_k: int,
) -> Scores:
    small, large, own = radii
    precise, balls = 0, 0
    recalled = np.zeros(len(reference), bool)
    covered = np.zeros(len(reference), bool)
    dtype = np.result_type(*radii)  # float64 if either set needs it
    for part, squared in neighbors.blocks(features, others=reference, dtype=dtype):
        precise += np.count_nonzero(np.any(squared <= small, axis=1))
        recalled |= np.any(squared <= own[part, np.newaxis], axis=0)
        inside = squared <= large
        balls += np.count_nonzero(inside)
        covered |= np.any(inside, axis=0)
    return Scores(
        precision=float(precise / len(features)),
        recall=float(recalled.mean()),
        density=float(balls / (density_k * len(features))),
        coverage=float(covered.mean()),
    )
