# SPDX-License-Identifier: Apache-2.0
"""Negative log likelihood of held-out vectors, such as the latents of test images.

The likelihood of a latent that an encoder chose freely has an arbitrary scale: stretch
the latents by s, and it falls by `dim * log(s)` nats. Compare densities only on the
same latents; across encoders the number says nothing.
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
        nats: An example.
        bits_per_dim: A dimension of an example.
        standard_error: Of `nats`, over the examples; None for a single one.
        count: How many examples.
    """

    nats: float
    bits_per_dim: float
    standard_error: float | None
    count: int


def negative_log_likelihood(log_prob: types.Tensor, *, dim: int) -> Likelihood:
    """Returns the summary of log densities `[size]` in nats, of `dim` wide vectors.

    Raises:
        InvalidValue: There is none, or one is not finite.
    """
    log_prob = np.asarray(log_prob, np.float64)
    if log_prob.ndim != 1 or not log_prob.size or not np.isfinite(log_prob).all():
        raise errors.InvalidValue(
            "Log densities must be finite and have the shape [size]",
            received=f"shape {log_prob.shape}, "
            f"{np.count_nonzero(~np.isfinite(log_prob))} not finite",
            do="Look at the vectors with these densities",
        )
    count, nats = len(log_prob), -float(log_prob.mean())
    return Likelihood(
        nats=nats,
        bits_per_dim=nats / (dim * math.log(2)),
        standard_error=float(log_prob.std(ddof=1) / count**0.5) if count > 1 else None,
        count=count,
    )
