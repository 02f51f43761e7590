# SPDX-License-Identifier: Apache-2.0
"""How many modes of the data samples cover, and in which shares.

Modes are classes of images, which a classifier finds. Of Stacked MNIST they are the
1,000 combinations of digits, where generators are known to lose some:

Metz, Poole, Pfau, Sohl-Dickstein: Unrolled Generative Adversarial Networks, 2017,
section 3.3.1. https://arxiv.org/abs/1611.02163
Srivastava, Valkov, Russell, Gutmann, Sutton: VEEGAN: Reducing Mode Collapse in GANs
using Implicit Variational Learning, 2017. https://arxiv.org/abs/1705.07761
"""

__all__ = ["SAMPLES", "Modes", "count"]

import dataclasses

import numpy as np

from glf_tf import errors

SAMPLES = 26_000
"""Number of samples of VEEGAN and of what came after it."""


@dataclasses.dataclass(frozen=True)
class Modes:
    """Which modes samples are of.

    Attributes:
        covered: Number of modes that have at least one sample.
        total: Number of modes of the data.
        kl: KL(shares of samples || shares of the data) of the modes, in nats.
        kl_by_chance: About what `kl` would be on average of as many samples of the
            data itself: (total - 1) / (2 * samples).
    """

    covered: int
    total: int
    kl: float
    kl_by_chance: float


def count(found: np.ndarray, *, shares: np.ndarray) -> Modes:
    """Counts the modes of samples.

    Args:
        found: The mode of each sample, int `[size]` in [0, modes).
        shares: What share of the data each mode has, `[modes]`, all positive.

    Raises:
        InvalidValue: There is no sample, a sample is of no mode, or a mode has no share
            of the data.
    """
    found, shares = np.asarray(found), np.asarray(shares, np.float64)
    if not np.all(shares > 0) or not np.isclose(shares.sum(), 1):
        raise errors.InvalidValue(
            "Shares of modes must be positive and sum to 1",
            received=f"a minimum of {shares.min(initial=1):g}, a sum of {shares.sum()}",
            do="Leave out modes that the data do not have",
        )
    if not len(found) or not 0 <= found.min() <= found.max() < len(shares):
        raise errors.InvalidValue(
            f"Samples must be of the modes 0 to {len(shares) - 1}",
            received=f"{len(found)} samples of modes {np.unique(found)[:12].tolist()}",
            do="Number the modes as their shares are",
        )
    of_samples = np.bincount(found, minlength=len(shares)) / len(found)
    is_covered = of_samples > 0
    ratio = of_samples[is_covered] / shares[is_covered]
    return Modes(
        covered=int(np.count_nonzero(is_covered)),
        total=len(shares),
        kl=float(np.sum(of_samples[is_covered] * np.log(ratio))),
        kl_by_chance=(len(shares) - 1) / (2 * len(found)),
    )
