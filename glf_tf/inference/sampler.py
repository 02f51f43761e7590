# SPDX-License-Identifier: Apache-2.0
"""The base class of samplers, which move chains of latents towards a density."""

__all__ = ["AbstractSampler", "Chains", "LogProb", "DIAGNOSTICS", "check"]

import abc
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from glf_tf import errors, parts, types

LogProb = Callable[[tf.Tensor], tf.Tensor]
"""An unnormalised log-density: latents `[batch, dim]` to nats `[batch]`."""

DIAGNOSTICS = (
    "energy",
    "gradient_norm",
    "movement",
    "acceptance",
    "steps",
    "divergence",
)
"""The names of `Chains.diagnostics`."""


class Chains(NamedTuple):
    """The ends of chains, with diagnostics.

    Attributes:
        z: Latents `[batch, dim]`, with no gradient.
        energy: The last computed `-log_prob`, `[batch]`: at `z` with a Metropolis
            adjustment, otherwise one step before.
        gradient_norm: The norm of the gradient there, `[batch]`.
        movement: The distance of `z` from the start, `[batch]`.
        acceptance: The fraction of accepted proposals, `[batch]`.
        steps: The number of steps taken, int32 `[]`: fewer than requested if a chain
            diverged.
        diverged: Whether each chain diverged, bool `[batch]`.
    """

    z: tf.Tensor
    energy: tf.Tensor
    gradient_norm: tf.Tensor
    movement: tf.Tensor
    acceptance: tf.Tensor
    steps: tf.Tensor
    diverged: tf.Tensor

    def diagnostics(self, prefix: str) -> dict[str, tf.Tensor]:
        """Returns `{f"{prefix}_{name}": value}` for `DIAGNOSTICS`, of shape `[batch]`.

        "divergence" is 0, or infinite for a chain that diverged: as a measured term it
        stops training.
        """
        divergence = tf.where(self.diverged, float("inf"), 0.0)
        steps = tf.fill(tf.shape(divergence), tf.cast(self.steps, tf.float32))
        values = (
            self.energy,
            self.gradient_norm,
            self.movement,
            self.acceptance,
            steps,
            divergence,
        )
        return {
            f"{prefix}_{name}": tf.cast(value, tf.float32)
            for name, value in zip(DIAGNOSTICS, values, strict=True)
        }


class AbstractSampler(parts.Part, abc.ABC):
    """A sampler of unnormalised densities.

    Its options are its constructor's keywords.
    """

    part_kind = "inference"
    advice = "Lower the learning rate"
    """Advice if its chains diverge."""

    @abc.abstractmethod
    def run(
        self,
        log_prob: LogProb,
        z: tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float | tf.Tensor = 1.0,
    ) -> Chains:
        """Moves independent chains towards a density.

        Args:
            log_prob: The unnormalised log-density; row i of its result depends on row i
                of its argument alone.
            z: The start of the chains, `[batch, dim]`.
            seed: A stateless seed.
            temperature: T, a factor on the standard deviation of the noise; chains then
                move towards `log_prob / T^2`.
        """


def check(chains: Chains, *, advice: str = AbstractSampler.advice) -> Chains:
    """Returns eager chains, if none of them diverged.

    Args:
        chains: The chains, from outside of a traced function.
        advice: Advice for the error.

    Raises:
        Diverged: A chain diverged; the message has the step and energy of the first
            one.
    """
    diverged = np.flatnonzero(chains.diverged)
    if diverged.size:
        first = diverged[0]
        raise errors.Diverged(
            "The energy of a chain must stay finite and near its first value",
            received=f"energy {float(chains.energy[first]):.4g} in chain {first} after "
            f"step {int(chains.steps)} ({diverged.size} of "
            f"{len(chains.diverged)} chains diverged)",
            do=advice,
        )
    return chains
