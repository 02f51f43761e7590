# SPDX-License-Identifier: Apache-2.0
"""Kernel distance: the squared maximum mean discrepancy with a cubic kernel (KID).

Binkowski, Sutherland, Arbel, Gretton, Demystifying MMD GANs, 2018,
https://arxiv.org/abs/1801.01401

    kernel(x, y) = (x . y / dim + 1)^3
    distance = mean_{i != j} kernel(x_i, x_j) + mean_{i != j} kernel(y_i, y_j)
               - 2 mean_{i, j} kernel(x_i, y_j)

Without the diagonals it is unbiased at any sample count, and may be negative. It is
averaged over random subsets, as usual; their standard deviation shows its noise.
"""

__all__ = ["KernelDistance", "distance", "squared_mmd"]

import dataclasses

import numpy as np

from glf_tf import errors, types
from glf_tf.metrics import vectors


@dataclasses.dataclass(frozen=True)
class KernelDistance:
    """A kernel distance over subsets.

    Attributes:
        mean: Mean over the subsets; may be negative.
        std: Standard deviation over the subsets, which overlap; not that of the mean.
        subsets: Number of subsets.
        subset_size: Samples per subset.
    """

    mean: float
    std: float
    subsets: int
    subset_size: int


def distance(
    features: types.Tensor,
    *,
    reference: types.Tensor,
    seed: types.Seed,
    subsets: int = 100,
    subset_size: int = 1000,
) -> KernelDistance:
    """Returns the kernel distance between two sets of features.

    Args:
        features: `[size, dim]` of the samples.
        reference: `[reference_size, dim]` of the real images.
        seed: Seed of the subsets.
        subsets: Number of subsets.
        subset_size: Rows per subset, without replacement; at most all.

    Raises:
        InvalidValue: The features are invalid, or a count is too small.
    """
    features, reference = vectors.check_pair(features, reference=reference)
    size = min(subset_size, len(features), len(reference))
    if size < 2 or subsets < 1:
        raise errors.InvalidValue(
            "An unbiased estimate needs at least one subset of at least two samples",
            received=f"subsets={subsets}, subset_size={subset_size}",
            do="Use the defaults",
        )
    rng = vectors.generator(seed)
    values = [
        squared_mmd(
            _draw(features, size=size, rng=rng),
            reference=_draw(reference, size=size, rng=rng),
        )
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)), subsets, size)


def squared_mmd(features: np.ndarray, *, reference: np.ndarray) -> float:
    """Returns the unbiased estimate from all rows `[size, dim]` of both, in float64."""
    x, y = features.astype(np.float64), reference.astype(np.float64)
    within = _mean_off_diagonal(x) + _mean_off_diagonal(y)
    return float(within - 2 * _kernel_sum(x, others=y) / (len(x) * len(y)))


def _kernel_sum(x: np.ndarray, *, others: np.ndarray) -> float:
    base = x @ others.T
    base /= x.shape[1]
    base += 1
    # The sum of cubes, with one array less than `np.sum(base**3)` and no call of `pow`.
    return np.vdot(base * base, base)


def _mean_off_diagonal(x: np.ndarray) -> float:
    diagonal = (np.einsum("nd,nd->n", x, x) / x.shape[1] + 1) ** 3
    return (_kernel_sum(x, others=x) - diagonal.sum()) / (len(x) * (len(x) - 1))


def _draw(rows: np.ndarray, *, size: int, rng: np.random.Generator) -> np.ndarray:
    return rows[rng.choice(len(rows), size, replace=False)]
