# SPDX-License-Identifier: Apache-2.0
"""The latent flow of GLF: affine couplings and permutations, chained.

Xiao, Yan, Amit: Generative Latent Flow, 2019, section 3.1, figure 1b.
https://arxiv.org/abs/1905.10485
"""

__all__ = ["RealNVP"]

from typing import Literal

import keras

from glf_tf import seeds
from glf_tf.bijectors import coupling, permutation, step
from glf_tf.flows import flow


@keras.saving.register_keras_serializable(package="glf_tf")
class RealNVP(flow.AbstractFlow):
    """Blocks of couplings, each followed by a random permutation.

    A "two_sided" block transforms the first half given the second, then the second
    given the first: every coordinate is transformed in every block. A "one_sided" block
    transforms the second half alone, and no permutation follows the last block; that is
    the form of the slides. Four of them leave about 2.5 of 40 coordinates unchanged, so
    it is not the default.

    The default sizes are ours: the best on held-out codes in docs/results.md.

    Args:
        event_dim: Size of the vectors.
        blocks: Number of blocks; the paper has 4.
        hidden: Width of the conditioners' two hidden layers; the paper has 64 for
            20 latents and 256 for 64.
        sides: "two_sided" or "one_sided" blocks.
        scale: How the couplings' log-scale is bounded.
        batch_norm: Whether the conditioners normalise over the batch.
        conditioner: "separate" networks for shift and log-scale, as the authors have,
            or one "shared" by both, as the slides have, with half the parameters;
            "auto" for that of the source of `sides`.
        permutation_seed: Block k is followed by the permutation of seed
            `permutation_seed + k`; 0 gives those of the authors' code.
        permute: Whether a permutation follows each of the "blocks", as in the authors'
            code, or each of the "couplings", as in section 3.1 of the paper, where the
            one of seed `permutation_seed + k` follows the k-th coupling, and the last
            as well.
    """

    def __init__(
        self,
        event_dim: int,
        *,
        blocks: int = 8,
        hidden: int = 128,
        sides: Literal["two_sided", "one_sided"] = "two_sided",
        scale: Literal["soft_clamp", "sigmoid", "exp"] = "soft_clamp",
        batch_norm: bool = True,
        conditioner: Literal["auto", "separate", "shared"] = "auto",
        permutation_seed: int = 0,
        permute: Literal["blocks", "couplings"] = "blocks",
        **kwargs,
    ):
        flow.check_sizes(blocks=blocks, hidden=hidden)
        seeds.check_not_negative(permutation_seed=permutation_seed)
        self._blocks, self._two_sided = blocks, sides == "two_sided"
        if conditioner == "auto":
            conditioner = "separate" if self._two_sided else "shared"
        self._coupling = {
            "scale": scale,
            "hidden": int(hidden),  # Keras takes no integers of NumPy
            "batch_norm": batch_norm,
            "shared": conditioner == "shared",
        }
        self._permutation_seed = permutation_seed
        self._permutes_couplings = permute == "couplings"
        super().__init__(event_dim, **kwargs)

    def make_steps(self) -> list[step.AbstractFlowStep]:
        """Returns new steps; the first one is next to the data."""
        steps = []
        for block in range(self._blocks):
            for transforms in ("first", "second") if self._two_sided else ("second",):
                made = self._make_coupling(block, transforms=transforms)
                steps.append(made)
                if self._permutes_couplings:
                    number = len(steps) // 2
                    steps.append(self._make_permutation(number, after=made.name))
            is_last = block == self._blocks - 1
            if not self._permutes_couplings and (self._two_sided or not is_last):
                steps.append(self._make_permutation(block, after=f"block_{block}"))
        return steps

    def _make_coupling(self, block: int, *, transforms: str) -> coupling.Coupling:
        return coupling.Coupling(
            self.event_dim,
            transforms=transforms,
            condition_dim=self.condition_dim,
            dtype=self.dtype_policy,
            name=f"block_{block}_{transforms}",
            **self._coupling,
        )

    def _make_permutation(self, number: int, *, after: str) -> permutation.Permutation:
        return permutation.Permutation(
            self.event_dim,
            seed=self._permutation_seed + number,
            dtype=self.dtype_policy,
            name=f"{after}_permutation",
        )
