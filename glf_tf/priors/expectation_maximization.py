# SPDX-License-Identifier: Apache-2.0
"""Expectation maximisation of a mixture of normal densities, by matrix products.

Dempster, Laird, Rubin: Maximum Likelihood from Incomplete Data via the EM Algorithm,
1977. With the monomials of a code,

    phi(z) = [1, z_i, z_i z_j (i <= j)],

the joint log-densities of a code and its component are linear,
`log w_k + log N(z; m_k, C_k) = coefficients_k . phi(z)`, and so are the statistics of
the M step, `sum_n r_nk phi(z_n)`: both steps are products of matrices.
"""

__all__ = ["Fit", "Mixture", "fit", "step"]

import math
import typing
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from glf_tf import tensor_float, tracing, types
from glf_tf.priors import code_sums, k_means

LEAST_VARIANCE = 1e-6
"""Added to the variances of components, in units of each coordinate's variance."""

_ROUNDING = 0.25
"""The error of log-densities, in nats, up to which iterations are in float32."""

_LEAST_GAIN = 1e-4
"""Gains of the average log-likelihood, in nats, that float32 can still tell."""

_NO_CODES = 10.0 * np.finfo(np.float64).eps


class Mixture(typing.NamedTuple):
    """A mixture: `weights [K]`, `loc [K, dim]` and `covariance [K, dim, dim]`."""

    weights: tf.Tensor
    loc: tf.Tensor
    covariance: tf.Tensor


class Fit(typing.NamedTuple):
    """A fitted mixture, its number of iterations, and whether they were enough."""

    mixture: Mixture
    iterations: int
    has_converged: bool


def fit(
    z: np.ndarray,
    *,
    components: int,
    max_iterations: int,
    tolerance: float,
    seed: types.Seed,
    report: Callable[[], None] = lambda: None,
) -> Fit:
    """Fits a mixture, starting from k-means.

    Early iterations are in float32, three times as fast, unless its rounding matters;
    the last ones are in float64.

    Args:
        z: Codes in units of each coordinate's deviation, around zero, `[size, dim]`.
        components: Number of components.
        max_iterations: Maximum number of iterations.
        tolerance: The gain of the average log-likelihood, in nats, at which it stops.
        seed: Seed of k-means.
        report: Called after each iteration.
    """
    z, before = tf.constant(z.T, tf.float64), -math.inf
    mixture = _start(z, k_means.centers(z, components, seed=seed))
    dtype = tf.float32 if _is_smooth(mixture) else tf.float64
    for iteration in range(1, max_iterations + 1):
        after, likelihood = _step_in_full(z, mixture, dtype=dtype)
        if dtype == tf.float32 and not _is_smooth(after):
            dtype = tf.float64
            after, likelihood = _step_in_full(z, mixture, dtype=dtype)
        mixture = after
        report()
        gain, before = likelihood - before, likelihood
        if dtype == tf.float64 and abs(gain) < tolerance:
            return Fit(mixture, iteration, has_converged=True)
        if gain < max(tolerance, _LEAST_GAIN):
            dtype = tf.float64
    return Fit(mixture, max_iterations, has_converged=False)


@tracing.by_size
def step(
    z: tf.Tensor, mixture: Mixture, *, dtype: tf.DType = tf.float64
) -> tuple[Mixture, tf.Tensor]:
    """Takes one iteration.

    Args:
        z: Codes in columns, float64 `[dim, size]`.
        mixture: Where it starts.
        dtype: The type of the products.

    Returns:
        after: The mixture after the iteration. A component without codes has nearly no
            weight, and stays where it is.
        log_likelihood: The average log-density of codes before it.
    """
    coefficients = tf.cast(_coefficients(mixture), dtype)

    def of_codes(part):
        phi = _monomials(tf.cast(part, dtype))
        log_joint = tf.matmul(coefficients, phi)
        largest = tf.reduce_max(log_joint, axis=0)
        joint = tf.exp(log_joint - largest)
        total = tf.reduce_sum(joint, axis=0)
        statistics = tf.matmul(joint / total, phi, transpose_b=True)
        log_prob = tf.cast(largest + tf.math.log(total), z.dtype)
        return tf.cast(statistics, z.dtype), tf.reduce_sum(log_prob)

    numbers = sum(coefficients.shape)
    statistics, log_likelihood = code_sums.summed(of_codes, z, numbers=numbers)
    return _maximized(statistics, mixture), log_likelihood / z.shape[1]


@tracing.by_size
def _start(z: tf.Tensor, centers: tf.Tensor) -> Mixture:
    """Returns the normal densities of clusters.

    Deviation: to the codes of each cluster scikit-learn adds none; here as many as
        there are dimensions are added with the average covariance, as the covariance of
        few codes is singular.
    """

    def of_codes(part):
        members = tf.cast(k_means.members(centers, part), z.dtype)
        return (tf.matmul(members, _monomials(part), transpose_b=True),)

    count, dim = centers.shape
    identity = tf.eye(dim, batch_shape=[count], dtype=z.dtype)
    empty = Mixture(tf.ones([count], z.dtype), tf.cast(centers, z.dtype), identity)
    numbers = 2 * count + dim * (dim + 3) // 2
    (statistics,) = code_sums.summed(of_codes, z, numbers=numbers)
    weights, loc, covariance = _maximized(statistics, empty)
    average = tf.einsum("k,kij->ij", weights, covariance)
    share = (statistics[:, 0] / (statistics[:, 0] + dim))[:, None, None]
    return Mixture(weights, loc, share * covariance + (1.0 - share) * average)


def _monomials(z: tf.Tensor) -> tf.Tensor:
    """Returns `[1 + dim + dim (dim + 1) / 2, n]` for codes in columns."""
    rows, columns = np.triu_indices(z.shape[0])
    squares = tf.gather(z, rows) * tf.gather(z, columns)
    return tf.concat([tf.ones_like(z[:1]), z, squares], axis=0)


def _coefficients(mixture: Mixture) -> tf.Tensor:
    """Returns joint log-densities as coefficients of monomials, `[K, monomials]`."""
    weights, loc, covariance = mixture
    dim = loc.shape[1]
    scale = tf.linalg.cholesky(covariance)
    identity = tf.eye(dim, batch_shape=[loc.shape[0]], dtype=loc.dtype)
    precision = tf.linalg.cholesky_solve(scale, identity)
    linear = tf.linalg.matvec(precision, loc)
    log_det = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(scale)), axis=-1)
    constant = tf.math.log(weights) - log_det - 0.5 * dim * math.log(2.0 * math.pi)
    constant -= 0.5 * tf.reduce_sum(linear * loc, axis=-1)
    rows, columns = np.triu_indices(dim)
    upper = tf.gather(_flat(precision), rows * dim + columns, axis=1)
    squares = -np.where(rows == columns, 0.5, 1.0) * upper
    return tf.concat([constant[:, None], linear, squares], axis=1)


def _maximized(statistics: tf.Tensor, before: Mixture) -> Mixture:
    """Returns the M step of sums of responsibilities times monomials."""
    dim = before.loc.shape[1]
    codes = statistics[:, 0]
    means = statistics[:, 1:] / tf.maximum(codes, _NO_CODES)[:, None]
    loc, squares = means[:, :dim], means[:, dim:]
    # A symmetric matrix of the numbers of its upper triangle.
    place = np.zeros([dim, dim], np.int32)
    place[np.triu_indices(dim)] = np.arange(squares.shape[1])
    place = np.maximum(place, place.T)
    moments = tf.reshape(tf.gather(squares, place.ravel(), axis=1), [-1, dim, dim])
    covariance = moments - loc[:, :, None] * loc[:, None, :]
    covariance += LEAST_VARIANCE * tf.eye(dim, dtype=loc.dtype)
    has_codes, weights = codes > _NO_CODES, codes + _NO_CODES
    return Mixture(
        weights / tf.reduce_sum(weights),
        tf.where(has_codes[:, None], loc, before.loc),
        tf.where(has_codes[:, None, None], covariance, before.covariance),
    )


def _step_in_full(z, mixture, *, dtype):
    with tensor_float.full_float32():
        mixture, log_likelihood = step(z, mixture, dtype=dtype)
    return mixture, float(log_likelihood)


def _is_smooth(mixture: Mixture) -> bool:
    """Returns whether float32 is enough; not where it made numbers that are not."""
    return bool(_rounding(mixture) <= _ROUNDING)


@tracing.by_size
def _rounding(mixture: Mixture) -> tf.Tensor:
    """Returns the error of log-densities in float32, in nats.

    Monomials of codes with deviations of 1 are at most 1 on average.
    """
    largest = tf.reduce_max(tf.reduce_sum(tf.abs(_coefficients(mixture)), axis=1))
    return largest * np.finfo(np.float32).eps


def _flat(matrices: tf.Tensor) -> tf.Tensor:
    return tf.reshape(matrices, [-1, matrices.shape[-1] ** 2])
