# SPDX-License-Identifier: Apache-2.0
"""Frechet distance between the Gaussians that fit two sets of features.

Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, GANs Trained by a Two Time-Scale
Update Rule Converge to a Local Nash Equilibrium, 2017, https://arxiv.org/abs/1706.08500

    distance = |mean_1 - mean_2|^2 + tr(cov_1) + tr(cov_2) - 2 tr((cov_1 cov_2)^(1/2))

With the features of the 2015 Inception graph it is the FID; with others it has the
extractor's name. It decreases with the number of samples: compare only equal counts.

Deviation: the public code takes the square root of the product, which is not symmetric,
loses its real part to rounding, and fails below full rank. Here the last trace is the
sum of the square roots of the eigenvalues of the symmetric matrix S_2 cov_1 S_2, where
S_2 = cov_2^(1/2): the same number, always real. Everything is float64.
"""

__all__ = [
    "Statistics",
    "Moments",
    "statistics",
    "distance",
    "raw_distance",
    "small_sample_note",
]

import dataclasses
import functools
import warnings
from collections.abc import Iterable

import numpy as np
import threadpoolctl

from glf_tf import errors, types
from glf_tf.metrics import vectors

_BLOCK = 2048  # Rows per matrix product.


@dataclasses.dataclass(frozen=True, eq=False)
class Statistics:
    """The Gaussian that fits a set of features.

    Attributes:
        mean: float64 `[dim]`.
        covariance: float64 `[dim, dim]`, divided by `count - 1`.
        count: Number of features.
    """

    mean: np.ndarray
    covariance: np.ndarray
    count: int

    @property
    def dim(self) -> int:
        """The width of the features."""
        return self.mean.shape[0]

    @functools.cached_property
    def root(self) -> np.ndarray:
        """The symmetric square root of the covariance; computed once, then kept."""
        values, rotation = _eigh(self.covariance)
        return (rotation * np.sqrt(np.maximum(values, 0))) @ rotation.T


class Moments:
    """Mean and covariance of a stream of features, in one stable pass.

    Reference: Chan, Golub, LeVeque, Algorithms for Computing the Sample Variance, 1983.
    """

    def __init__(self, dim: int):
        """Initializes the moments without features.

        Args:
            dim: The width of features.
        """
        self._count = 0
        self._mean = np.zeros(dim)
        self._scatter = np.zeros((dim, dim))
        self._waiting: list[np.ndarray] = []

    def update(self, features: np.ndarray) -> None:
        """Adds features `[size, dim]`, at least one."""
        self._waiting.append(np.asarray(features, np.float64))
        if sum(map(len, self._waiting)) >= _BLOCK:
            self._absorb()

    def result(self) -> Statistics:
        """Returns the statistics of all features so far.

        Raises:
            InvalidValue: There are fewer than two, or one is not finite.
        """
        self._absorb()
        if self._count < 2 or not np.isfinite(self._mean).all():
            raise errors.InvalidValue(
                "A covariance needs at least two features, all finite",
                received=f"{self._count} features with mean {self._mean}",
                do="Draw more samples, or look for NaN in the images",
            )
        covariance = self._scatter / (self._count - 1)
        return Statistics(self._mean.copy(), covariance, count=self._count)

    def _absorb(self) -> None:
        if not self._waiting:
            return
        block = np.concatenate(self._waiting)
        self._waiting = []
        mean = block.mean(axis=0)
        shift = mean - self._mean
        total = self._count + len(block)
        block -= mean
        self._scatter += block.T @ block
        self._scatter += np.outer(shift, shift) * (self._count * len(block) / total)
        self._mean += shift * (len(block) / total)
        self._count = total


def statistics(
    features: types.Tensor | Iterable[np.ndarray], *, dim: int | None = None
) -> Statistics:
    """Returns the statistics of features.

    Args:
        features: `[size, dim]`; or, with `dim`, an iterable of such pieces.
        dim: The width of the pieces.
    """
    if dim is None:
        rows = vectors.check(features)
        dim = rows.shape[1]
        features = (rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK))
    moments = Moments(dim)
    for piece in features:
        moments.update(piece)
    return moments.result()


def distance(samples: Statistics, *, reference: Statistics) -> float:
    """Returns the squared Frechet distance, at least 0.

    It is exactly symmetric in its arguments. The matrix root is that of the larger set,
    usually the reference, which caches it.

    Raises:
        InvalidValue: The widths differ.
    """
    if samples.dim != reference.dim:
        raise errors.InvalidValue(
            "Both statistics must come from the same extractor",
            received=f"{samples.dim} and {reference.dim} dimensions",
            do="Compute both with one extractor",
        )
    note = small_sample_note(min(samples.count, reference.count), dim=samples.dim)
    if note:
        warnings.warn(note, vectors.SmallSampleWarning, stacklevel=2)
    return raw_distance(samples, reference=reference)


def raw_distance(samples: Statistics, *, reference: Statistics) -> float:
    """Computes `distance` without checks."""
    shift = samples.mean - reference.mean
    rooted, other = sorted((samples, reference), key=_order)
    inner = rooted.root @ other.covariance @ rooted.root
    values = _eigvalsh((inner + inner.T) / 2)
    root_trace = np.sum(np.sqrt(np.maximum(values, 0)))
    spread = np.trace(samples.covariance) + np.trace(reference.covariance)
    # Due to rounding, the distance of a set to itself may be about -1e-8.
    return max(float(shift @ shift + spread - 2 * root_trace), 0.0)


def _order(statistics: Statistics) -> tuple:
    """Returns a key for choosing the set of the root, whatever the order of arguments.

    The choice affects rounding.
    """
    return (
        -statistics.count,
        np.trace(statistics.covariance),
        statistics.covariance.tobytes(),
    )


def small_sample_note(count: int, *, dim: int) -> str | None:
    """Returns a note on too few samples; None if they suffice."""
    if count > dim:
        return None
    return (
        f"A covariance in {dim} dimensions needs more than {dim} samples. "
        f"Received: {count}. Its rank is at most {count - 1}, so the distance is "
        "biased upwards, by an amount that depends on the model. Compare it only with "
        "distances of the same count, or use the kernel distance, which has no bias."
    )


def _eigh(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # One thread: with more, OpenBLAS spins while waiting, and an eigenvalue problem of
    # a second takes a minute if another process uses the same cores.
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        return np.linalg.eigh(matrix)


def _eigvalsh(matrix: np.ndarray) -> np.ndarray:
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        return np.linalg.eigvalsh(matrix)
