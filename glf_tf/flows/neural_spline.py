# SPDX-License-Identifier: Apache-2.0
"""Neural spline flows: couplings of rational-quadratic splines, on vectors.

Durkan, Bekasov, Murray, Papamakarios: Neural Spline Flows, 2019, section 3.3, and its
released code. https://arxiv.org/abs/1906.04032
"""

__all__ = ["NeuralSpline"]

from typing import Literal

import keras

from glf_tf import seeds
from glf_tf.bijectors import (
    actnorm,
    linear,
    permutation,
    spline_coupling,
    standardize,
    step,
)
from glf_tf.flows import flow

Mixing = Literal["lu", "permutation"]
Normalization = Literal["actnorm", "standardize", "none"]


@keras.saving.register_keras_serializable(package="glf_tf")
class NeuralSpline(flow.AbstractStartedFlow):
    """Blocks of a mixing of coordinates and a `SplineCoupling`, and a last mixing.

    Bins, bound and mixing are the paper's, whose blocks are 10, with `hidden` from 32
    to 256 and `dropout` from 0 to 0.2 in its tables: the default sizes are ours, for
    CPUs.

    Deviation: the paper standardises data beforehand. Here it is a part of the flow,
        and `ActNorm` is the default, which follows an encoder that moves. The matrices
        start as rotations, the paper's as permutations.

    Args:
        event_dim: Size of the vectors, 1 to 512.
        blocks: Number of blocks.
        hidden: Width of the couplings' residual networks.
        depth: Number of their residual blocks.
        bins: Number of bins of each spline.
        bound: The splines' interval is `[-bound, bound]`; outside is the identity.
        dropout: Share of the networks' hidden units that are set to zero in training.
        unconditional: Whether the half that a coupling keeps goes through splines that
            depend on nothing.
        mixing: A matrix by its "lu" factors, or a fixed "permutation".
        normalization: "actnorm" begins each block with a learned shift and scale,
            "standardize" the flow with the mean and deviation of data. `start` sets
            either from data.
        mixing_seed: The mixing of block k is that of seed `mixing_seed + k`.
    """

    def __init__(
        self,
        event_dim: int,
        *,
        blocks: int = 5,
        hidden: int = 128,
        depth: int = 2,
        bins: int = 8,
        bound: float = 3.0,
        dropout: float = 0.0,
        unconditional: bool = True,
        mixing: Mixing = "lu",
        normalization: Normalization = "actnorm",
        mixing_seed: int = 0,
        **kwargs,
    ):
        sizes = {"blocks": blocks, "hidden": hidden, "depth": depth}
        flow.check_sizes(event_dim=event_dim, **sizes)
        seeds.check_not_negative(mixing_seed=mixing_seed)
        self._blocks, self._mixing_seed = blocks, mixing_seed
        self._mixing, self._normalization = mixing, normalization
        self._coupling = {
            "hidden": int(hidden),  # Keras takes no integers of NumPy
            "depth": int(depth),
            "bins": int(bins),
            "bound": float(bound),
            "dropout": float(dropout),
            "unconditional": unconditional,
        }
        super().__init__(event_dim, **kwargs)

    def make_steps(self) -> list[step.AbstractFlowStep]:
        """Returns new steps; the first one is next to the data."""
        steps = [each for block in range(self._blocks) for each in self._block(block)]
        last = self._make_mixing(self._blocks, name="last")
        if self._normalization == "standardize":
            first = standardize.Standardize(
                self.event_dim, dtype=self.dtype_policy, name="standardize"
            )
            return [first, *steps, last]
        return [*steps, last]

    def _block(self, block: int) -> list[step.AbstractFlowStep]:
        name, common = f"block_{block}", {"dtype": self.dtype_policy}
        norm = actnorm.ActNorm(self.event_dim, name=f"{name}_actnorm", **common)
        coupling = spline_coupling.SplineCoupling(
            self.event_dim,
            transforms="first" if block % 2 else "second",
            condition_dim=self.condition_dim,
            seed=block,
            name=f"{name}_coupling",
            **self._coupling,
            **common,
        )
        mixing = self._make_mixing(block, name=name)
        has_norm = self._normalization == "actnorm"
        return [*([norm] if has_norm else []), mixing, coupling]

    def _make_mixing(self, block: int, *, name: str) -> step.AbstractFlowStep:
        kind = (
            permutation.Permutation if self._mixing == "permutation" else linear.Linear
        )
        return kind(
            self.event_dim,
            seed=self._mixing_seed + block,
            dtype=self.dtype_policy,
            name=f"{name}_{self._mixing}",
        )
