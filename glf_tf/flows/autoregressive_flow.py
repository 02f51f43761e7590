# SPDX-License-Identifier: Apache-2.0
"""The base classes of autoregressive flows: concrete ones say which step is theirs."""

__all__ = ["AbstractAutoregressiveFlow", "AbstractMaskedFlow"]

import abc
from typing import Literal

from glf_tf import seeds
from glf_tf.bijectors import (
    actnorm,
    linear,
    masked_autoregressive,
    permutation,
    step,
)
from glf_tf.flows import flow


class AbstractAutoregressiveFlow(flow.AbstractStartedFlow):
    """Blocks of `ActNorm`, a mixing of coordinates and an autoregressive step.

    Args:
        event_dim: Size of the vectors.
        blocks: Number of blocks.
        mixing: What is before each autoregressive step, towards noise: a matrix by its
            "lu" factors, which starts as a rotation, or a "reversal" of the order.
        actnorm: Whether each block begins with a learned shift and scale.
        rotation_seed: The matrix of block k starts as the rotation of seed
            `rotation_seed + k`.
    """

    def __init__(
        self,
        event_dim: int,
        *,
        blocks: int = 5,
        mixing: Literal["lu", "reversal"] = "lu",
        actnorm: bool = True,
        rotation_seed: int = 0,
        **kwargs,
    ):
        flow.check_sizes(event_dim=event_dim, blocks=blocks)
        seeds.check_not_negative(rotation_seed=rotation_seed)
        self._blocks, self._mixing, self._actnorm = blocks, mixing, actnorm
        self._rotation_seed = rotation_seed
        super().__init__(event_dim, **kwargs)

    @abc.abstractmethod
    def make_autoregressive(self, block: int, **options) -> step.AbstractFlowStep:
        """Returns a new autoregressive step.

        Args:
            block: Index of the block.
            **options: `condition_dim`, and keyword arguments of `keras.layers.Layer`.
        """

    def make_steps(self) -> list[step.AbstractFlowStep]:
        """Returns new steps; the first one is next to the data."""
        return [step for block in range(self._blocks) for step in self._block(block)]

    def _block(self, block: int) -> list[step.AbstractFlowStep]:
        name, common = f"block_{block}", {"dtype": self.dtype_policy}
        norm = actnorm.ActNorm(self.event_dim, name=f"{name}_actnorm", **common)
        return [
            *([norm] if self._actnorm else []),
            self._make_mixing(block, name=f"{name}_{self._mixing}", **common),
            self.make_autoregressive(
                block,
                condition_dim=self.condition_dim,
                name=f"{name}_autoregressive",
                **common,
            ),
        ]

    def _make_mixing(self, block: int, **options) -> step.AbstractFlowStep:
        if self._mixing == "reversal":
            return permutation.Permutation(self.event_dim, order="reversed", **options)
        seed = self._rotation_seed + block
        return linear.Linear(self.event_dim, seed=seed, **options)


class AbstractMaskedFlow(AbstractAutoregressiveFlow):
    """Blocks with a `MaskedAutoregressive` step: which direction is fast is to be said.

    Deviation: the papers have batch normalisation between the steps (MAF), or none
        (IAF), and reverse the order of coordinates. `ActNorm` does the former's work,
        without statistics of a batch; the matrix includes all orders.

    Args:
        event_dim: Size of the vectors.
        transform: What each coordinate passes: an "affine" function, or a "spline".
        bins: Number of bins of a spline.
        bound: The interval of a spline is `[-bound, bound]`; outside is the identity.
        hidden: Width of the masked networks.
        depth: Number of their hidden layers, or of their residual blocks.
        residual: Whether they have residual blocks.
        **kwargs: As in `AbstractAutoregressiveFlow`.
    """

    def __init__(
        self,
        event_dim: int,
        *,
        transform: masked_autoregressive.Transform = "affine",
        bins: int = 8,
        bound: float = 3.0,
        hidden: int = 256,
        depth: int = 2,
        residual: bool = False,
        **kwargs,
    ):
        flow.check_sizes(hidden=hidden, depth=depth)
        self._options = {
            "transform": transform,
            "bins": int(bins),
            "bound": float(bound),
            "hidden": int(hidden),  # Keras takes no integers of NumPy
            "depth": int(depth),
            "residual": residual,
        }
        super().__init__(event_dim, **kwargs)

    @property
    @abc.abstractmethod
    def fast(self) -> masked_autoregressive.Fast:
        """The direction that takes one pass."""

    def make_autoregressive(self, block: int, **options) -> step.AbstractFlowStep:
        """Returns a new autoregressive step."""
        del block
        return masked_autoregressive.MaskedAutoregressive(
            self.event_dim, fast=self.fast, **self._options, **options
        )
