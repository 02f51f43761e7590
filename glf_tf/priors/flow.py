# SPDX-License-Identifier: Apache-2.0
"""A flow as a prior: the density of noise mapped by a flow.

Xiao, Yan, Amit: Generative Latent Flow, 2019. https://arxiv.org/abs/1905.10485
Stimper, Schoelkopf, Hernandez-Lobato: Resampling Base Distributions of Normalizing
Flows, 2022, on noise of one mode for data of many. https://arxiv.org/abs/2110.15828
"""

__all__ = ["FlowPrior"]

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import errors, types
from glf_tf.flows import flow as flow_lib
from glf_tf.priors import mixture, prior

tfb = tfp.bijectors

_AT_ONCE = 1000


class FlowPrior(prior.AbstractNoisePrior):
    """The density of `z = F(eps)`, `eps ~ N(0, I)`.

        log p(z) = log N(f(z); 0, I) + log |det df/dz|,  f = F^-1

    Reference: Generative Latent Flow, eq. 1, https://arxiv.org/abs/1905.10485

    Extension: with `components`, the noise has the density of a mixture, fitted by
        expectation maximisation to the noise of codes. A homeomorphism cannot map N(0,
        I) to separate clusters: it leaves bridges between them, where some samples lie.
        Until `fit_noise`, the mixture is N(0, I).

    Args:
        flow: The flow, which owns the parameters.
        components: Number of components of the mixture; 0 for N(0, I).
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        flow: types.Flow = "real_nvp",
        components: int = 0,
        **kwargs,
    ):
        super().__init__(latent_dim, **kwargs)
        if components < 0:
            raise errors.InvalidValue(
                "The number of components of the noise must not be negative",
                received=f"components={components}",
                do="Use 0 for N(0, I), or for instance 50",
            )
        self.flow = flow_lib.make(flow, event_dim=latent_dim)
        self.noise = None
        if components:
            self.noise = mixture.MixturePrior(
                latent_dim, components=components, dtype=self.dtype_policy, name="noise"
            )
        self.built = True

    @property
    def fits_noise(self) -> bool:
        """Whether the noise is a mixture."""
        return self.noise is not None

    def fit_noise(self, z: np.ndarray) -> None:
        """Fits the mixture to the noise of codes `[size, latent_dim]`."""
        if self.noise is None:
            return
        starts = range(0, len(z), _AT_ONCE)
        parts = (tf.constant(z[start : start + _AT_ONCE]) for start in starts)
        self.noise.fit(np.concatenate([self._traced_inverse(part) for part in parts]))

    @tf.function(autograph=False, reduce_retracing=True)
    def _traced_inverse(self, z: tf.Tensor) -> tf.Tensor:
        return self.inverse(z)

    def log_prob(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the log-density of each latent in nats, `[batch]`."""
        eps, log_det = self._to_noise(z, training=training)
        if self.noise is None:
            return _standard_normal(eps) + log_det
        return self.noise.log_prob(eps) + log_det

    def log_prob_of_normal(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns `log_prob` with noise from N(0, I), `[batch]`."""
        eps, log_det = self._to_noise(z, training=training)
        return _standard_normal(eps) + log_det

    @property
    def least_codes(self) -> int:
        """The minimum number of codes for the mixture."""
        return 0 if self.noise is None else self.noise.least_codes

    def sample_noise(
        self, n: int | tf.Tensor, *, seed: types.Seed, temperature: float = 1.0
    ) -> tf.Tensor:
        """Returns `n` draws of N(0, I), or of the mixture, `[n, latent_dim]`.

        The temperature is a factor on the deviation of N(0, I), or of the mixture's
        components; it does not affect their choice.
        """
        if self.noise is None:
            return super().sample_noise(n, seed=seed, temperature=temperature)
        return self.noise.sample(n, seed=seed, temperature=temperature)

    def forward(self, eps: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the latents of noise, `[batch, latent_dim]`."""
        eps = tf.cast(eps, self.compute_dtype)
        return self.flow.bijector(training=training).forward(eps)

    def inverse(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the noise of latents, `[batch, latent_dim]`."""
        return self.flow.bijector().inverse(tf.cast(z, self.compute_dtype))

    def _to_noise(self, z: tf.Tensor, *, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns noise, and the log-determinant of the map to it."""
        z = tf.cast(z, self.compute_dtype)
        bijector = self.flow.bijector(training=training)
        eps = bijector.inverse(z)
        return eps, bijector.inverse_log_det_jacobian(z, event_ndims=1)


def _standard_normal(eps: tf.Tensor) -> tf.Tensor:
    constant = 0.5 * eps.shape[-1] * math.log(2.0 * math.pi)
    return -0.5 * tf.reduce_sum(tf.square(eps), axis=-1) - constant
