# SPDX-License-Identifier: Apache-2.0
"""What every sampler is: it moves chains of latents towards a density."""

__all__ = ["AbstractSampler", "Chains", "LogProb", "DIAGNOSTICS", "check"]

import abc
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from glf_tf import errors, parts, types

LogProb = Callable[[tf.Tensor], tf.Tensor]
"""A log-density but for a constant: latents `[batch, dim]` to nats `[batch]`."""

DIAGNOSTICS = (
    "energy",
    "gradient_norm",
    "movement",
    "acceptance",
    "steps",
    "divergence",
)
"""The names under which `Chains.diagnostics` tells how chains ran."""


class Chains(NamedTuple):
    """Where chains ended, and how they got there.

    Attributes:
        z: Latents `[batch, dim]`, with no gradient.
        energy: `-log_prob` where it was computed last, `[batch]`: at `z` with a
            Metropolis adjustment, else one step before it.
        gradient_norm: The norm of the gradient there, `[batch]`.
        movement: The distance of `z` from the start, `[batch]`.
        acceptance: The share of proposals that were accepted, `[batch]`.
        steps: How many steps were taken, int32 `[]`: fewer than asked for if a chain
            diverged.
        diverged: Which chains did, bool `[batch]`.
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

        "divergence" is 0, and infinite for a chain that diverged: as a measured term it
        ends training at once.
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
    """A way to draw from a density that is known but for a constant.

    Its options are its constructor's keywords.
    """

    part_kind = "inference"
    advice = "Lower the learning rate"
    """What a user can do where its chains diverge."""

    @abc.abstractmethod
    def run(
        self,
        log_prob: LogProb,
        z: tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float | tf.Tensor = 1.0,
    ) -> Chains:
        """Moves chains towards a density, each by itself.

        Args:
            log_prob: The log-density but for a constant; row i of its result depends on
                row i of its argument alone.
            z: Where the chains start, `[batch, dim]`.
            seed: A stateless seed.
            temperature: T, a factor on the standard deviation of the noise; chains then
                move towards `log_prob / T^2`.
        """


def check(chains: Chains, *, advice: str = AbstractSampler.advice) -> Chains:
    """Returns chains whose values are known, if none of them diverged.

    Args:
        chains: The chains, from outside of a traced function.
        advice: What a user can do.

    Raises:
        Diverged: A chain did; the message has the first one's step and energy.
    """
    diverged = np.flatnonzero(chains.diverged)
    if diverged.size:
        first = diverged[0]
        raise errors.Diverged(
            "The energy of a chain must stay finite and near that of its start",
            received=f"energy {float(chains.energy[first]):.4g} in chain {first} after "
            f"step {int(chains.steps)} ({diverged.size} of "
            f"{len(chains.diverged)} chains diverged)",
            do=advice,
        )
    return chains
