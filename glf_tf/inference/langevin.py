# SPDX-License-Identifier: Apache-2.0
"""Langevin dynamics: short runs of noisy gradient steps on a log-density.

Nijkamp, Pang, Han, Zhou, Zhu, Wu: Learning Multi-layer Latent Variable Model via
Variational Optimization of Short Run MCMC for Approximate Inference, 2020.
https://arxiv.org/abs/1912.01909
Roberts, Tweedie: Exponential Convergence of Langevin Distributions and Their Discrete
Approximations, 1996 (the Metropolis adjustment).
"""

__all__ = ["Langevin"]

import math
from typing import NamedTuple

import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.inference import metropolis, sampler

DIVERGENCE = 1e3
"""A chain has diverged if its energy exceeds this multiple of its first one, plus one.
"""


class _State(NamedTuple):
    """The state of the loop.

    Attributes:
        step: Number of gradients computed.
        point: The present points, `[chains, dim]`.
        proposal: The proposed points, `[chains, dim]`.
        limit: The energy at which a chain counts as diverged.
        accepted: Number of accepted proposals.
        diverged: Whether each chain has diverged.
    """

    step: tf.Tensor
    point: metropolis.Point
    proposal: tf.Tensor
    limit: tf.Tensor
    accepted: tf.Tensor
    diverged: tf.Tensor


class Langevin(sampler.AbstractSampler):
    """K steps of Langevin dynamics, as one loop in the graph.

        z <- z + s^2 / 2 * grad log p(z) + s * eps,  eps ~ N(0, I)

    The step size is the `s` of LFBM, LEBM and their released code; the `xi` of
    `z <- z + xi grad log p(z) + sqrt(2 xi) eps` is `s^2 / 2`, so that s = 0.1 is
    xi = 0.005.

    A step costs one forward and one backward pass of the log-density. No gradient flows
    through the chain. It ends early if the energy, -log p, of a chain is not finite or
    a thousand times its first one.

    With steps of a fixed size, the stationary density is only near p. With `adjusted`,
    a step is a proposal that is accepted with probability

        min(1, p(z') q(z | z') / (p(z) q(z' | z))),  q(z' | z) = N(z + s^2 / 2 grad log
        p(z), s^2 I)

    which makes p itself stationary; K steps then cost K + 1 passes. A temperature T is
    a factor on the noise: the stationary density is then p^(1 / T^2).

    Args:
        steps: K, the number of steps.
        step_size: The papers' s.
        decay: Ratio of the last step size to the first; it changes geometrically. 1 for
            a constant step size.
        noise: Whether noise is added; without it, this is gradient ascent.
        adjusted: Whether steps are accepted or rejected (Metropolis-Hastings).
    """

    advice = "Lower the step size of the chains, such as --inference.step_size"

    def __init__(
        self,
        *,
        steps: int = 20,
        step_size: float = 0.1,
        decay: float = 1.0,
        noise: bool = True,
        adjusted: bool = False,
    ):
        _check(steps=steps, step_size=step_size, decay=decay)
        if adjusted and not noise:
            raise errors.InvalidValue(
                "A Metropolis adjustment needs steps with noise",
                received=f"noise={noise}, adjusted={adjusted}",
                do="Use the default of one of the two",
            )
        self.steps, self.step_size, self.decay = steps, step_size, decay
        self.noise, self.adjusted = noise, adjusted

    def run(
        self,
        log_prob: sampler.LogProb,
        z: tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float | tf.Tensor = 1.0,
    ) -> sampler.Chains:
        """Moves chains `[batch, dim]` towards a density; see `AbstractSampler`."""
        # Protects what computed the start: an encoder, or a map of noise.
        z = tf.stop_gradient(tf.convert_to_tensor(z))
        seed = seeds.make(seed)
        temperature = tf.cast(temperature, z.dtype)

        def body(state: _State) -> tuple[_State]:
            return (self._step(log_prob, state, seed=seed, temperature=temperature),)

        # A proposal is accepted where the next gradient is computed: one more pass.
        passes = self.steps + self.adjusted
        (state,) = tf.while_loop(
            lambda state: ~tf.reduce_any(state.diverged),
            body,
            (_start(z),),
            maximum_iterations=passes,
        )
        end = state.point.z if self.adjusted else state.proposal
        return tf.nest.map_structure(tf.stop_gradient, self._chains(z, end, state))

    def _step(
        self,
        log_prob: sampler.LogProb,
        state: _State,
        *,
        seed: tf.Tensor,
        temperature: tf.Tensor,
    ) -> _State:
        """Moves to the proposal, computes its gradient, and proposes the next point."""
        noise_seed, accept_seed = seeds.split(seeds.fold(seed, state.step), 2)
        candidate = metropolis.evaluate(log_prob, state.proposal)
        energy = -candidate.log_prob
        limit = DIVERGENCE * (1.0 + tf.abs(energy))
        limit = tf.where(state.step == 0, limit, state.limit)
        accept, point = self._accepted(
            state, candidate, seed=accept_seed, temperature=temperature
        )
        size = self._size(state.step, dtype=energy.dtype)
        drift = 0.5 * tf.square(size) * point.gradient
        noise = self._noise(noise_seed, like=point.z, factor=size * temperature)
        return _State(
            step=state.step + 1,
            point=point,
            proposal=point.z + drift + noise,
            limit=limit,
            accepted=state.accepted + tf.cast(accept & (state.step > 0), energy.dtype),
            diverged=~point.is_finite() | (-point.log_prob > limit),
        )

    def _accepted(
        self,
        state: _State,
        candidate: metropolis.Point,
        *,
        seed: tf.Tensor,
        temperature: tf.Tensor,
    ) -> tuple[tf.Tensor, metropolis.Point]:
        """Returns which chains go on, `[batch]`, and where each of them is then."""
        if not self.adjusted:
            return tf.ones_like(state.diverged), candidate
        accept = metropolis.accepts(
            state.point,
            candidate,
            size=self._size(state.step - 1, dtype=candidate.log_prob.dtype),
            seed=seed,
            temperature=temperature,
        )
        is_first = state.step == 0
        return accept, metropolis.choose(accept | is_first, candidate, state.point)

    def _size(self, step: tf.Tensor, *, dtype: tf.DType) -> tf.Tensor:
        """Returns the step size s of a step, counted from 0."""
        size = tf.constant(self.step_size, dtype)
        if self.decay == 1.0 or self.steps == 1:
            return size
        share = tf.cast(step, dtype) / (self.steps - 1)
        return size * tf.pow(tf.constant(self.decay, dtype), share)

    def _noise(
        self, seed: tf.Tensor, *, like: tf.Tensor, factor: tf.Tensor
    ) -> tf.Tensor | float:
        if not self.noise:
            return 0.0
        draw = tf.random.stateless_normal(tf.shape(like), seed, dtype=like.dtype)
        return factor * draw

    def _chains(
        self, start: tf.Tensor, end: tf.Tensor, state: _State
    ) -> sampler.Chains:
        steps = state.step - int(self.adjusted)
        tried = tf.cast(tf.maximum(steps, 1), start.dtype)
        return sampler.Chains(
            z=end,
            energy=-state.point.log_prob,
            gradient_norm=tf.norm(state.point.gradient, axis=-1),
            movement=tf.norm(end - start, axis=-1),
            acceptance=(
                state.accepted / tried
                if self.adjusted
                else tf.ones_like(state.accepted)
            ),
            steps=steps,
            diverged=state.diverged,
        )


def _start(z: tf.Tensor) -> _State:
    zeros = tf.zeros(tf.shape(z)[:1], z.dtype)
    return _State(
        step=tf.constant(0),
        point=metropolis.Point(z, zeros, tf.zeros_like(z)),
        proposal=z,
        limit=zeros,
        accepted=zeros,
        diverged=tf.zeros(tf.shape(z)[:1], tf.bool),
    )


def _check(*, steps: int, step_size: float, decay: float) -> None:
    if steps < 1:
        raise errors.InvalidValue(
            "A chain takes at least 1 step",
            received=f"steps={steps}",
            do="Use for instance --inference.steps=20",
        )
    if not 0.0 < step_size < math.inf:
        raise errors.InvalidValue(
            "The step size of a chain must be positive",
            received=f"step_size={step_size}",
            do="Use for instance --inference.step_size=0.1",
        )
    if not 0.0 < decay <= 1.0:
        raise errors.InvalidValue(
            "`decay` is a factor on the step size, in (0, 1]",
            received=f"decay={decay}",
            do="Use 1 for a constant step size, or for instance 0.1",
        )
