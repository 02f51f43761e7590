# SPDX-License-Identifier: Apache-2.0
"""A flow as a prior: the density of noise mapped by a flow.

Xiao, Yan, Amit: Generative Latent Flow, 2019. https://arxiv.org/abs/1905.10485
Stimper, Schoelkopf, Hernandez-Lobato: Resampling Base Distributions of Normalizing
Flows, 2022, on noise of one mode for data of many. https://arxiv.org/abs/2110.15828
"""

__all__ = ["FlowPrior"]

import numpy as np
import tensorflow as tf

from glf_tf import errors, parts, types
from glf_tf.flows import flow as flow_lib
from glf_tf.priors import mixture, prior, standard_normal

_AT_ONCE = 1000


class FlowPrior(prior.AbstractNoisePrior):
    """The density of `z = F(eps)`, with the noise `eps` of a density of its own.

        log p(z) = log p_noise(f(z)) + log |det df/dz|,  f = F^-1

    Reference: Generative Latent Flow, eq. 1, https://arxiv.org/abs/1905.10485, where
        the noise is N(0, I).

    Extension: any other prior may be the density of the noise. One with trainable
        weights is learned together with the flow. One that is fitted without gradients
        is fitted to the noise of codes; until then it is N(0, I). With `components`,
        this is a mixture. A homeomorphism cannot map N(0, I) to separate clusters: it
        leaves bridges between them, where some samples lie.

    Args:
        flow: The flow, which owns the parameters.
        noise: The density of the noise.
        components: Number of components of the mixture that takes the place of noise
            from N(0, I), and of no other; 0 for none.
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        flow: types.Flow = "real_nvp",
        noise: types.Prior = "standard_normal",
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
        self.noise = _noise(noise, components=components, like=self)
        self.built = True

    @property
    def fits_noise(self) -> bool:
        """Whether the noise is fitted without gradients."""
        return isinstance(self.noise, prior.Fitted)

    def fit_noise(self, z: np.ndarray) -> None:
        """Fits the noise, if it is fitted, to that of codes `[size, latent_dim]`."""
        if not self.fits_noise:
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
        return self.noise.log_prob(eps, training=training) + log_det

    def log_prob_of_normal(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns `log_prob` with noise from N(0, I), `[batch]`."""
        eps, log_det = self._to_noise(z, training=training)
        return standard_normal.log_density(eps) + log_det

    @property
    def least_codes(self) -> int:
        """The minimum number of codes for the noise."""
        return self.noise.least_codes

    def sample_noise(
        self, n: int | tf.Tensor, *, seed: types.Seed, temperature: float = 1.0
    ) -> tf.Tensor:
        """Returns `n` draws of the noise, `[n, latent_dim]`; see its temperature."""
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


def _noise(
    spec: types.Prior, *, components: int, like: FlowPrior
) -> prior.AbstractPrior:
    """Returns the density of the noise of a prior of the same size.

    Raises:
        InvalidValue: It is a flow itself.
    """
    made = parts.make("prior", spec, latent_dim=like.latent_dim, name="noise")
    if isinstance(made, FlowPrior):
        raise errors.InvalidValue(
            "The noise of a flow must not be that of another flow",
            received=type(made).__name__,
            do="Use one flow of more blocks, or for instance noise=student_t",
        )
    if components and isinstance(made, standard_normal.StandardNormalPrior):
        return mixture.MixturePrior(
            like.latent_dim,
            components=components,
            dtype=like.dtype_policy,
            name="noise",
        )
    return made
