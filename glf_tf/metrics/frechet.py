# SPDX-License-Identifier: Apache-2.0
"""Frechet distance between the Gaussians that fit two sets of features.

Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, GANs Trained by a Two Time-Scale
Update Rule Converge to a Local Nash Equilibrium, 2017, https://arxiv.org/abs/1706.08500

    distance = |mean_1 - mean_2|^2 + tr(cov_1) + tr(cov_2) - 2 tr((cov_1 cov_2)^(1/2))

With the features of the 2015 Inception graph it is the FID; with any other it bears the
extractor's name. It falls as samples are added: compare only equal counts.

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

_BLOCK = 2048  # Rows that wait for one matrix product; a product a row would be slow.


@dataclasses.dataclass(frozen=True, eq=False)
class Statistics:
    """The Gaussian that fits a set of features.

    Attributes:
        mean: float64 `[dim]`.
        covariance: float64 `[dim, dim]`, divided by `count - 1`.
        count: How many features there were.
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
        """Starts with no features.

        Args:
            dim: Their width.
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
            InvalidValue: There were fewer than two, or one is not finite.
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
        features: `[size, dim]`; or, with `dim` given, pieces of it one after the other.
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

    It is symmetric in its arguments to the last bit. The matrix root is that of the
    larger set, mostly the reference, which keeps it for the next call.

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
    """Returns what `distance` does, without its checks."""
    shift = samples.mean - reference.mean
    rooted, other = sorted((samples, reference), key=_order)
    inner = rooted.root @ other.covariance @ rooted.root
    values = _eigvalsh((inner + inner.T) / 2)
    root_trace = np.sum(np.sqrt(np.maximum(values, 0)))
    spread = np.trace(samples.covariance) + np.trace(reference.covariance)
    # Rounding can carry the distance of a set to itself to about -1e-8.
    return max(float(shift @ shift + spread - 2 * root_trace), 0.0)


def _order(one: Statistics) -> tuple:
    """Returns what decides, whichever is named first, of which set the root is taken.

    Rounding differs between the two.
    """
    return (-one.count, np.trace(one.covariance), one.covariance.tobytes())


def small_sample_note(count: int, *, dim: int) -> str | None:
    """Returns what too few samples do to the distance; None where they suffice."""
    if count > dim:
        return None
    return (
        f"A covariance in {dim} dimensions needs more than {dim} samples. "
        f"Received: {count}. Its rank is at most {count - 1}, so the distance is "
        "biased upwards, by an amount that depends on the model. Compare it only with "
        "distances of the same count, or use the kernel distance, which has no bias."
    )


def _eigh(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # One thread: with more, OpenBLAS waits by spinning, and an eigenvalue problem that
    # takes a second takes a minute as soon as another process wants the same cores.
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        return np.linalg.eigh(matrix)


def _eigvalsh(matrix: np.ndarray) -> np.ndarray:
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        return np.linalg.eigvalsh(matrix)
