# SPDX-License-Identifier: Apache-2.0
"""Divergences between a set of codes and a normal prior.

Tolstikhin, Bousquet, Gelly, Schoelkopf: Wasserstein Auto-Encoders, 2018, algorithm 2.
https://arxiv.org/abs/1711.01558
Gretton et al.: A Kernel Two-Sample Test, 2012, lemma 6 (the unbiased estimator).
"""

__all__ = ["IMQ_SCALES", "imq_mmd_squared", "moment_mismatch"]

import tensorflow as tf

from glf_tf import errors

IMQ_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""The kernel's widths, as multiples of a pair's expected squared distance."""


def imq_mmd_squared(z: tf.Tensor, drawn: tf.Tensor, *, prior_scale: float) -> tf.Tensor:
    """Returns an unbiased estimate of the squared maximum mean discrepancy.

        k(a, b) = sum_s C_s / (C_s + |a - b|^2),  C_s = 2 * dim * prior_scale^2 * s
        mmd^2 = mean_{i != j} k(z_i, z_j) + mean_{i != j} k(y_i, y_j)
                - 2 * mean_{i, j} k(z_i, y_j)

    with `s` in `IMQ_SCALES` and `y` the draws. `2 * dim * prior_scale^2` is the mean
    squared distance of two draws of N(0, prior_scale^2 I). The estimate is 0 on average
    if both sets have the same distribution, so it is *often negative*. The estimate
    that includes the pair of each point with itself is not negative, but biased upwards
    by up to `2 * len(IMQ_SCALES) / n`.

    If the size of a set is known only at run time, a set of one contributes 0, as it
    has no pairs.

    Args:
        z: Codes, `[n, dim]`.
        drawn: Draws from the prior, `[m, dim]`.
        prior_scale: The standard deviation of the prior.

    Returns:
        mmd_squared: The estimate, of shape [], in float32.

    Raises:
        InvalidValue: A set is known to have fewer than 2 points.
    """
    z, drawn = tf.cast(z, tf.float32), tf.cast(drawn, tf.float32)
    widths = [2.0 * z.shape[-1] * prior_scale**2 * scale for scale in IMQ_SCALES]
    within = _mean_of_others(_kernel(z, z, widths=widths))
    within += _mean_of_others(_kernel(drawn, drawn, widths=widths))
    return within - 2.0 * tf.reduce_mean(_kernel(z, drawn, widths=widths))


def moment_mismatch(z: tf.Tensor, *, prior_scale: float) -> tf.Tensor:
    """Returns the distance of the mean and covariance of codes from the prior's.

        mean(mean_i(z_i)^2) + mean((cov(z) - prior_scale^2 I)^2)

    with means over coordinates and over pairs of them, and `n - 1` in the covariance.

    Args:
        z: Codes, `[n, dim]`.
        prior_scale: The standard deviation of the prior.

    Returns:
        mismatch: Of shape [], in float32; not negative.

    Raises:
        InvalidValue: The set is known to have fewer than 2 points.
    """
    z = tf.cast(z, tf.float32)
    _check_size(z)
    center = tf.reduce_mean(z, axis=0)
    count = tf.cast(tf.shape(z)[0], tf.float32)
    covariance = tf.matmul(z - center, z - center, transpose_a=True)
    covariance /= tf.maximum(count - 1.0, 1.0)
    wanted = prior_scale**2 * tf.eye(z.shape[-1])
    return tf.reduce_mean(tf.square(center)) + tf.reduce_mean(
        tf.math.squared_difference(covariance, wanted)
    )


def _kernel(left: tf.Tensor, right: tf.Tensor, *, widths: list[float]) -> tf.Tensor:
    """Returns the kernel of all pairs, `[n, m]`."""
    squares = tf.reduce_sum(tf.square(left), axis=1)[:, None]
    squares += tf.reduce_sum(tf.square(right), axis=1)[None]
    # Rounding can make the distance of close points negative; without a root, the
    # kernel has finite gradients at 0.
    distance = tf.nn.relu(squares - 2.0 * tf.matmul(left, right, transpose_b=True))
    return tf.add_n([width / (width + distance) for width in widths])


def _mean_of_others(kernel: tf.Tensor) -> tf.Tensor:
    """Returns the mean off the diagonal."""
    _check_size(kernel)
    count = tf.cast(tf.shape(kernel)[0], tf.float32)
    others = tf.linalg.set_diag(kernel, tf.zeros_like(tf.linalg.diag_part(kernel)))
    return tf.reduce_sum(others) / tf.maximum(count * (count - 1.0), 1.0)


def _check_size(points: tf.Tensor) -> None:
    size = points.shape[0]
    if size is not None and size < 2:
        raise errors.InvalidValue(
            "A set of codes must have at least 2 points for comparison with the prior",
            received=f"a batch of {size} for a replica",
            do="Use a larger --batch_size",
        )
