# SPDX-License-Identifier: Apache-2.0
"""The codes that a prior is fitted to: checks, and their units."""

__all__ = ["checked", "units"]

import numpy as np

from glf_tf import errors


def checked(z: np.ndarray, *, latent_dim: int, at_least: int) -> np.ndarray:
    """Returns codes in float64.

    Args:
        z: `[size, latent_dim]`.
        latent_dim: The prior's size of latents.
        at_least: Minimum number of codes.

    Raises:
        InvalidValue: They have another shape, are too few, or not finite.
    """
    z = np.asarray(z, np.float64)
    if z.ndim != 2 or z.shape[1] != latent_dim:
        raise errors.InvalidValue(
            "A prior must be fitted to codes of its size, [size, latent_dim]",
            received=f"shape {z.shape} for latent_dim={latent_dim}",
            do="Pass codes of the model's encoder",
        )
    if len(z) < at_least:
        raise errors.InvalidValue(
            f"The fit of this prior needs at least {at_least} codes",
            received=f"{len(z)} codes",
            do="Use more examples, or a simpler prior such as normal",
        )
    if not np.isfinite(z).all():
        raise errors.InvalidValue(
            "A prior must be fitted to finite codes",
            received=f"{np.count_nonzero(~np.isfinite(z))} numbers that are not finite",
            do="Lower the learning rate of the autoencoder",
        )
    return z


def units(z: np.ndarray) -> np.ndarray:
    """Returns the standard deviation of each coordinate as its unit, `[dim]`.

    So small regularising constants are small relative to each coordinate. Constant
    coordinates have the average unit, or 1.

    Args:
        z: float64 `[size, dim]`.
    """
    deviation = z.std(axis=0)
    # Equal numbers may have a deviation due to rounding.
    varies = deviation > 1e-12 * np.abs(z).max(axis=0)
    average = np.sqrt(np.mean(np.square(np.where(varies, deviation, 0.0))))
    return np.where(varies, deviation, average or 1.0)
