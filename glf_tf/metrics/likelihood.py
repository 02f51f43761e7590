# SPDX-License-Identifier: Apache-2.0
"""Negative log likelihood of held-out vectors, such as the latents of test images.

The log likelihood of an encoder's latents depends on their arbitrary scale: scaling
them by s lowers it by `dim * log(s)` nats. Compare densities only on the same latents,
not across encoders.
"""

__all__ = ["Likelihood", "negative_log_likelihood"]

import dataclasses
import math

import numpy as np

from glf_tf import errors, types


@dataclasses.dataclass(frozen=True)
class Likelihood:
    """Mean negative log likelihood; smaller is better.

    Attributes:
        nats: Nats per example.
        bits_per_dim: Bits per dimension of an example.
        standard_error: Standard error of `nats`; None for a single example.
        count: Number of examples.
    """

    nats: float
    bits_per_dim: float
    standard_error: float | None
    count: int


def negative_log_likelihood(log_prob: types.Tensor, *, dim: int) -> Likelihood:
    """Summarises log densities `[size]`, in nats, of vectors of width `dim`.

    Raises:
        InvalidValue: There are none, or one is not finite.
    """
    log_prob = np.asarray(log_prob, np.float64)
    if log_prob.ndim != 1 or not log_prob.size or not np.isfinite(log_prob).all():
        raise errors.InvalidValue(
            "Log densities must be finite and have the shape [size]",
            received=f"shape {log_prob.shape}, "
            f"{np.count_nonzero(~np.isfinite(log_prob))} not finite",
            do="Check the vectors with these densities",
        )
    count, nats = len(log_prob), -float(log_prob.mean())
    return Likelihood(
        nats=nats,
        bits_per_dim=nats / (dim * math.log(2)),
        standard_error=float(log_prob.std(ddof=1) / count**0.5) if count > 1 else None,
        count=count,
    )
