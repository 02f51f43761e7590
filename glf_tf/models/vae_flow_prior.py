# SPDX-License-Identifier: Apache-2.0
"""A variational autoencoder whose prior is a flow, trained jointly.

Xiao, Yan, Amit: Generative Latent Flow, 2019, section 3.4. GLF is the limit of this
model for large `beta`. https://arxiv.org/abs/1905.10485
"""

__all__ = ["VAEFlowPrior"]

import keras
import tensorflow as tf

from glf_tf import checks, types
from glf_tf.models import latent, variational
from glf_tf.priors import flow as flow_prior
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class VAEFlowPrior(variational.AbstractVariational):
    """A VAE with a diagonal normal posterior and a flow as its prior.

        loss = mean(beta * recon(x, G(z)) - prior_weight * log p(z) + E[log q(z | x)])

    With z ~ q(z | x) and `prior_weight` 1, it is equation 4. No gradient is stopped:
    the entropy of the posterior prevents the collapse of latents. `beta` is 1 / (2 v)
    for a Gaussian decoder of variance v; to learn it, use `reconstruction="gaussian"`
    with `learned`.

    Args:
        image_shape: (height, width, channels).
        flow: The flow that is the prior.
        noise: The density of its noise, learned by gradients or fixed.
        beta: Weight of the reconstruction term.
        prior_weight: Weight of the flow's likelihood. The slides print `log q(z | x) -
            10 log p(z)`; with another weight than 1 the loss bounds nothing.
        num_classes: Number of labels, 0 to `num_classes - 1`, that the flow depends on;
            0 for none.
        **kwargs: As in `AbstractAutoencoder`.
    """

    uses_masks = True

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        flow: types.Flow = "real_nvp",
        noise: types.Prior = "standard_normal",
        beta: float = 1.0,
        prior_weight: float = 1.0,
        num_classes: int = 0,
        name: str | None = "vae_flow_prior",
        **kwargs,
    ):
        super().__init__(image_shape, name=name, **kwargs)
        self.beta = checks.not_negative("beta", beta)
        self.prior_weight = checks.not_negative("prior_weight", prior_weight)
        self.num_classes = checks.at_least("num_classes", num_classes, 0)
        self._prior = flow_prior.FlowPrior(
            self.latent_dim, flow=flow, noise=noise, num_classes=num_classes
        )
        latent.check_learned(self._prior)
        self.built = True

    @property
    def prior(self) -> flow_prior.FlowPrior:
        """The flow's density."""
        return self._prior

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns a stage with two optimisers.

        Its loss is that of the class; terms of weight 0 are only measured. Figure 3 of
        the paper has "negative_entropy" without its constant.
        """
        minimised = {
            "reconstruction": self.beta,
            "nll": self.prior_weight,
            "negative_entropy": 1.0,
        }
        joint = stages.Stage.of(
            "joint",
            self.autoencoder_group,
            stages.Group("flow", layers=(self.prior,)),
            terms=self.learned_prior_terms,
            weights={**minimised, "kl": 0.0, "negative_elbo": 0.0},
            prepare=self._start_prior,
        )
        return self.sharpened(joint)

    def sample_posterior(
        self, image: tf.Tensor, *, seed: types.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns latents `[batch, latent_dim]`, and log q(z | x) `[batch]`."""
        return self.sample_normal(image, seed=seed)
