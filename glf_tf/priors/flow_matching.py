# SPDX-License-Identifier: Apache-2.0
"""Flow matching: a density whose flow in time is learned without following it.

Lipman, Chen, Ben-Hamu, Nickel, Le: Flow Matching for Generative Modeling, 2023.
https://arxiv.org/abs/2210.02747
Tong, Fatras, Malkin and others: Improving and Generalizing Flow-Based Generative Models
with Minibatch Optimal Transport, 2024. https://arxiv.org/abs/2302.00482
Ho, Salimans: Classifier-Free Diffusion Guidance, 2022. https://arxiv.org/abs/2207.12598
"""

__all__ = ["FlowMatchingPrior"]

from collections.abc import Callable
from typing import Literal

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.bijectors import guidance as extrapolation
from glf_tf.bijectors import standardize
from glf_tf.flows import flow as flow_lib
from glf_tf.layers import velocity
from glf_tf.priors import guidance as guidance_lib
from glf_tf.priors import labelled, ordinary, pairing, prior, standard_normal

_STARTING_CODES = 10_000
"""As of `FlowPrior`."""


class FlowMatchingPrior(
    guidance_lib.Guided, labelled.Labelled, prior.AbstractNoisePrior
):
    """The density of noise that moves with a learned velocity v, from time 0 to 1.

        dx/dt = v(x, t),  x(0) = eps from N(0, I),  z = mean + deviation * x(1)
        loss  = |v((1 - t) eps + t x, t) - (x - eps)|^2,  t uniform    (eq. 23, sigma 0)
        log p(x(1)) = log N(x(0); 0, I) - integral of div v over time           (eq. 3)

    of codes x that are standardised. Training follows no paths. Samples and densities
    take `steps` of Runge and Kutta's method of order 4, densities with the divergence
    itself and no estimate of it: they are exact up to the error of the steps, which
    `solver_error` tells. Equations are those of Lipman et al.

    With labels, these are dropped from a share of codes in training, and samples have
    the velocity

        v(x, t, none) + guidance * (v(x, t, label) - v(x, t, none))

    whose density is not known: `log_prob`, `forward` and `inverse` are those of a
    `guidance` of 1.

    Averaged weights help, as for all models of its kind: `--ema_decay=prior:0.999`.

    Args:
        hidden: Width of the velocity's residual blocks.
        depth: Number of the blocks.
        embedding: Number of Fourier features of time, which is even.
        steps: Number of steps from noise to codes, of four velocities each.
        pairs: Whether noise and codes are paired at "random", or within a batch by
            "optimal" transport, which makes paths straighter.
        num_classes: Number of labels that the density depends on; 0 for none.
        label_dropout: Share of labels that are dropped in training; for guidance.
        guidance: Factor on what a label changes in samples; 2 to 3 for samples that
            are more typical of it.
    """

    term_names = ("velocity_error",)
    has_solver = True

    def __init__(
        self,
        latent_dim: int,
        *,
        hidden: int = 512,
        depth: int = 4,
        embedding: int = 64,
        steps: int = 12,
        pairs: Literal["random", "optimal"] = "random",
        num_classes: int = 0,
        label_dropout: float = 0.1,
        guidance: float = 1.0,
        **kwargs,
    ):
        super().__init__(latent_dim, **kwargs)
        sizes = {"hidden": hidden, "depth": depth, "embedding": embedding}
        flow_lib.check_sizes(**sizes, steps=steps)
        _check(embedding, dropout=label_dropout)
        self.num_classes, self.steps = num_classes, steps
        self._pairs, self._label_dropout = pairs, label_dropout
        self.guidance = guidance  # which is checked
        self.standardize = standardize.Standardize(
            latent_dim, dtype=self.dtype_policy, name="standardize"
        )
        self.velocity = velocity.VelocityNetwork(
            latent_dim,
            # Keras takes no integers of NumPy.
            **{name: int(size) for name, size in sizes.items()},
            num_classes=num_classes,
            dtype=self.dtype_policy,
            name="velocity",
        )
        self.built = True

    @property
    def is_guidable(self) -> bool:
        """Whether there are labels, and some are dropped in training."""
        return bool(self.num_classes and self._label_dropout)

    def _not_guidable(self, received: str) -> errors.Unsupported:
        return errors.Unsupported(
            "Guidance needs labels, some of which are dropped in training",
            received=f"{received}, num_classes={self.num_classes}, "
            f"label_dropout={self._label_dropout}",
            do="Use num_classes=10 and label_dropout=0.1, or leave guidance out",
        )

    @property
    def has_noise_space(self) -> bool:
        """Whether the noise of latents does not depend on labels."""
        return not self.num_classes

    @property
    def starts(self) -> bool:
        """True: it standardises codes."""
        return True

    def start(self, z: np.ndarray, *, label: np.ndarray | None = None) -> None:
        """Sets mean and deviation to those of some of the codes, anew at each call.

        Args:
            z: Codes, `[size, latent_dim]`.
            label: Has no effect.
        """
        del label
        size = min(len(z), _STARTING_CODES)
        chosen = np.random.default_rng(0).choice(len(z), size, replace=False)
        self.standardize.start(tf.constant(z[np.sort(chosen)], self.compute_dtype))

    def terms(
        self,
        z: tf.Tensor,
        *,
        seed: types.Seed,
        training: bool,
        label: tf.Tensor | None = None,
    ) -> types.Terms:
        """Returns "velocity_error", the loss above of each code, `[batch]`.

        Args:
            z: Codes, `[batch, latent_dim]`.
            seed: Of noise, times, and the labels that are dropped.
            training: Whether labels are dropped.
            label: Their labels `[batch]`, if the density depends on labels.
        """
        of_noise, of_time, of_labels = seeds.split(seed, num=3)
        x = self.standardize(tf.cast(z, self.compute_dtype))
        eps = tf.random.stateless_normal(tf.shape(x), of_noise, dtype=x.dtype)
        if self._pairs == "optimal":
            eps = pairing.paired(eps, x, label=label)
        if label is not None and training:
            share = self._label_dropout
            label = guidance_lib.dropped(label, share=share, seed=of_labels)
        time = tf.random.stateless_uniform(tf.shape(x)[:1], of_time, dtype=x.dtype)
        between = eps + time[:, None] * (x - eps)
        error = self.velocity(between, time=time, label=label) - (x - eps)
        return {"velocity_error": tf.reduce_sum(tf.square(error), axis=-1)}

    def log_prob(
        self,
        z: tf.Tensor,
        *,
        label: tf.Tensor | None = None,
        training: bool = False,
        steps: int | None = None,
    ) -> tf.Tensor:
        """Returns the log-density of each latent in nats, `[batch]`.

        Args:
            z: `[batch, latent_dim]`.
            label: Their labels `[batch]`; None for the density whatever they are.
            training: Has no effect.
            steps: Number of steps, by default those of the prior.
        """
        del training
        if self.num_classes and label is None:
            return self._log_prob_of_any(z)
        z = tf.cast(z, self.compute_dtype)

        steps = steps or self.steps
        at = self._times_of(label, steps=steps)

        def derivative(time, state):
            return self.velocity.with_divergence(state[0], **at(time))

        bijector = self.standardize.bijector()
        x = bijector.inverse(z)
        # Backwards in time, so that the divergence is subtracted.
        eps, log_det = ordinary.solve(
            derivative,
            (x, tf.zeros(tf.shape(x)[:1], x.dtype)),
            start=1.0,
            end=0.0,
            steps=steps,
        )
        log_det += bijector.inverse_log_det_jacobian(z, event_ndims=1)
        return standard_normal.log_density(eps) + log_det

    def solver_error(
        self, z: tf.Tensor, *, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns how far `log_prob` is from that of twice the steps, nats `[batch]`.

        Args:
            z: `[batch, latent_dim]`.
            label: As for `log_prob`.
        """
        of_steps = (
            self.log_prob(z, label=label, steps=steps)
            for steps in (self.steps, 2 * self.steps)
        )
        return tf.abs(tf.subtract(*of_steps))

    def sample(
        self,
        n: int | tf.Tensor,
        *,
        seed: types.Seed,
        temperature: float = 1.0,
        training: bool = False,
        label: tf.Tensor | None = None,
        guidance: float | tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns latents `[n, latent_dim]`.

        Args:
            n: Number of latents.
            seed: A stateless seed.
            temperature: Factor on the standard deviation of the noise.
            training: Has no effect.
            label: Their labels `[n]`; by default they are drawn, if there are labels.
            guidance: Factor on what a label changes; by default that of the prior.
        """
        del training
        guidance = self._guidance_or_own(guidance)
        if self.num_classes and label is None:
            label = self.sample_labels(n, seed=seed)
        noise = self.sample_noise(n, seed=seed, temperature=temperature)
        return self._moved(noise, self._guided(label, guidance=guidance))

    @property
    def normal_dim(self) -> int:
        """The size of latents."""
        return self.latent_dim

    def from_normal(self, normal, *, temperature=1.0, label=None):
        """Returns latents of draws of N(0, 1), `[batch, latent_dim]`, as `sample`."""
        normal = tf.cast(normal, self.compute_dtype)
        velocity_fn = self._guided(label, guidance=self.guidance)
        return self._moved(tf.cast(temperature, normal.dtype) * normal, velocity_fn)

    def forward(
        self,
        eps: tf.Tensor,
        *,
        training: bool = False,
        label: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the latents of noise, `[batch, latent_dim]`, given labels if any."""
        del training
        eps = tf.cast(eps, self.compute_dtype)
        return self._moved(eps, self._velocity_of(label))

    def inverse(self, z: tf.Tensor, *, label: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the noise of latents, `[batch, latent_dim]`, given labels if any.

        As `forward` it takes steps, so that a latent is found again up to their error.
        """
        x = self.standardize.bijector().inverse(tf.cast(z, self.compute_dtype))
        return ordinary.moved(
            self._velocity_of(label), x, times=(1.0, 0.0), steps=self.steps
        )

    def _moved(self, eps: tf.Tensor, velocity_fn: Callable) -> tf.Tensor:
        """Returns the latents that noise becomes."""
        x = ordinary.moved(velocity_fn, eps, times=(0.0, 1.0), steps=self.steps)
        return self.standardize.bijector().forward(x)

    def _velocity_of(self, label: tf.Tensor | None) -> Callable:
        """Returns a function of time, a scalar, and state, given labels if any."""
        at = self._times_of(label, steps=self.steps)
        return lambda time, x: self.velocity(x, **at(time))

    def _times_of(self, label: tf.Tensor | None, *, steps: int) -> Callable:
        """Returns a function from a time of the solver to what a velocity is given.

        Without labels, what times make of the network is the same for all codes, and is
        found for all times at once.
        """
        if label is not None:
            return lambda time: {"time": time[None], "label": label}
        halves = 2 * steps  # Runge and Kutta's method is in the middle of steps, too
        grid = tf.range(halves + 1, dtype=self.compute_dtype) / halves
        known = self.velocity.modulations(grid)

        def at(time):
            place = tf.cast(tf.round(time * halves), tf.int32)
            return {"modulations": tf.gather(known, place[None])}

        return at

    def _guided(
        self, label: tf.Tensor | None, *, guidance: float | tf.Tensor
    ) -> Callable:
        """Returns `_velocity_of` labels, extrapolated from that of none."""
        given = self._velocity_of(label)
        if not extrapolation.has_effect(guidance):
            return given
        guidance = tf.cast(guidance, self.compute_dtype)
        without = self._velocity_of(None)

        def guided(time, x):
            none = without(time, x)
            return none + guidance * (given(time, x) - none)

        return guided


def _check(embedding: int, *, dropout: float) -> None:
    """Checks the options of `FlowMatchingPrior`.

    Raises:
        InvalidValue: One is out of range.
    """
    if embedding % 2:
        raise errors.InvalidValue(
            "`embedding` must be even: a cosine and a sine of each frequency",
            received=f"embedding={embedding}",
            do=f"Use {embedding + 1}",
        )
    guidance_lib.check_dropout(dropout)
