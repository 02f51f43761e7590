# SPDX-License-Identifier: Apache-2.0
"""Components of mixtures with full covariances: their densities, and their fit."""

__all__ = ["Mixture", "fit", "log_prob"]

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from glf_tf import progress, types
from glf_tf.priors import codes, expectation_maximization


class Mixture(NamedTuple):
    """Parameters of components `N(m_k, L_k L_k^T)` of weights `w_k`.

    Attributes:
        logits: Logarithms of the weights up to a constant, `[components]`.
        loc: Means `m_k`, `[components, dim]`.
        scale_tril: Triangular `L_k`, `[components, dim, dim]`.
    """

    logits: tf.Tensor
    loc: tf.Tensor
    scale_tril: tf.Tensor


def log_prob(z: tf.Tensor, mixture: Mixture) -> tf.Tensor:
    """Returns the log-density of latents in nats, `[..., batch]`.

        log p(z) = logsumexp_k(log w_k - sum(eps_k^2) / 2 - sum(log diag(L_k)))
                   - dim * log(2 pi) / 2,   eps_k = L_k^-1 (z - m_k)

    Args:
        z: `[batch, dim]`.
        mixture: Its parameters; of several mixtures, if they have axes in front.
    """
    logits, loc, scale = mixture
    # TFP's distribution would copy the factors for each latent.
    centred = tf.linalg.matrix_transpose(z - loc[..., None, :])
    eps = tf.linalg.triangular_solve(scale, centred)
    log_det = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(scale)), axis=-1)
    log_weight = tf.nn.log_softmax(logits) - log_det
    terms = log_weight[..., None] - 0.5 * tf.reduce_sum(tf.square(eps), axis=-2)
    constant = 0.5 * z.shape[-1] * math.log(2.0 * math.pi)
    return tf.reduce_logsumexp(terms, axis=-2) - constant


def fit(
    z: np.ndarray,
    *,
    components: int,
    max_iterations: int,
    tolerance: float,
    seed: types.Seed,
    of: str = "The mixture",
) -> Mixture:
    """Fits a mixture by expectation maximisation, with a bar of its iterations.

    Args:
        z: Codes, float64 `[size, dim]`.
        components: Number of components.
        max_iterations: Maximum number of iterations.
        tolerance: The gain of the average log-likelihood, in nats, at which it stops.
        seed: Seed of k-means.
        of: What is fitted, for a warning that it had not converged.
    """
    center, unit = z.mean(axis=0), codes.units(z)
    with progress.bar("EM", total=max_iterations, unit="iteration") as bar:
        (weights, loc, covariance), iterations, has_converged = (
            expectation_maximization.fit(
                (z - center) / unit,
                components=components,
                max_iterations=max_iterations,
                tolerance=tolerance,
                seed=seed,
                report=bar.update,
            )
        )
    if not has_converged:
        logging.warning(
            "%s had not converged after %d iterations; it is used nevertheless. "
            "Increase the mixture's max_iterations or tolerance.",
            *(of, iterations),
        )
    scale = unit[:, None] * tf.linalg.cholesky(covariance)
    return Mixture(tf.math.log(weights), center + unit * loc, scale)
