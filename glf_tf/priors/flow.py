# SPDX-License-Identifier: Apache-2.0
"""A flow as a prior: the density of standard normal noise carried through a flow."""

__all__ = ["FlowPrior"]

import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import catalogue, types
from glf_tf.flows import flow as flow_lib
from glf_tf.priors import prior

tfd = tfp.distributions


class FlowPrior(prior.AbstractNoisePrior):
    """The density of `z = F(eps)`, `eps ~ N(0, I)`.

        log p(z) = log N(f(z); 0, I) + log |det df/dz|,  f = F^-1

    Reference: Generative Latent Flow, eq. 1, https://arxiv.org/abs/1905.10485

    Args:
        flow: The flow, which owns the parameters.
    """

    def __init__(self, latent_dim: int, *, flow: types.Spec = "real_nvp", **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.flow: flow_lib.AbstractFlow = catalogue.build(
            "flow", flow, event_dim=latent_dim, name="flow"
        )
        self.built = True

    def distribution(self, *, training: bool = False) -> tfd.Distribution:
        """Returns the prior as a fresh `tfd.TransformedDistribution`."""
        zeros = tf.zeros([self.latent_dim], self.compute_dtype)
        return tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag(loc=zeros),
            bijector=self.flow.bijector(training=training),
        )

    def log_prob(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the log-density of each latent in nats, `[batch]`."""
        z = tf.cast(z, self.compute_dtype)
        return self.distribution(training=training).log_prob(z)

    def forward(self, eps: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the latents of noise, `[batch, latent_dim]`."""
        eps = tf.cast(eps, self.compute_dtype)
        return self.flow.bijector(training=training).forward(eps)

    def inverse(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the noise of latents, `[batch, latent_dim]`."""
        return self.flow.bijector().inverse(tf.cast(z, self.compute_dtype))
