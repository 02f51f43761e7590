# SPDX-License-Identifier: Apache-2.0
"""A variational autoencoder whose prior is a mixture of its own posteriors.

Tomczak, Welling: VAE with a VampPrior, 2018. https://arxiv.org/abs/1705.07120
"""

__all__ = ["VAEVampPrior"]

import keras
import tensorflow as tf

from glf_tf import checks, types
from glf_tf.data import image_set
from glf_tf.models import variational
from glf_tf.priors import vamp
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class VAEVampPrior(variational.AbstractVariational):
    """A VAE with a diagonal normal posterior and the posteriors' mixture as its prior.

        loss = mean(recon(x, G(z)) + kl_weight * (E[log q(z | x)] - log p(z))),
        p(z) = 1 / K sum_k q(z | u_k),  z ~ q(z | x)                      (eq. 10)

    The pseudo-inputs u_k are learned together with encoder and decoder. The first
    expectation is exact, the second of one draw.

    Deviation: one layer of latents, not two, and networks without gates.

    Args:
        image_shape: (height, width, channels).
        components: K, the number of pseudo-inputs, the paper's 500. Each step encodes
            them, too.
        start: What pseudo-inputs start from: training "images", or "noise".
        kl_weight: Weight of the KL divergence.
        **kwargs: As in `AbstractAutoencoder`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        components: int = 500,
        start: vamp.Start = "images",
        kl_weight: float = 1.0,
        name: str | None = "vae_vamp_prior",
        **kwargs,
    ):
        super().__init__(image_shape, name=name, **kwargs)
        self.kl_weight = checks.not_negative("kl_weight", kl_weight)
        self._prior = vamp.VampPrior(
            self.latent_dim,
            image_shape=self.image_shape,
            components=checks.at_least("components", components, 1),
            start=start,
        )
        self._prior.attach(self._mean_and_log_scale)
        self.built = True

    @property
    def prior(self) -> vamp.VampPrior:
        """The mixture."""
        return self._prior

    def _mean_and_log_scale(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        posterior = self.base_posterior(image)
        return posterior.mean, posterior.log_scale

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns a stage with two optimisers; terms of weight 0 are only measured."""
        weights = {"nll": self.kl_weight, "negative_entropy": self.kl_weight}
        joint = stages.Stage.of(
            "joint",
            self.autoencoder_group,
            stages.Group("prior", layers=(self.prior,)),
            terms=self.learned_prior_terms,
            weights={"reconstruction": 1.0, **weights, "kl": 0.0, "negative_elbo": 0.0},
            prepare=self._start_pseudo_inputs,
        )
        return self.sharpened(joint)

    def _start_pseudo_inputs(self, data: image_set.ImageSet) -> None:
        self.prior.start_from(data.images)

    def sample_posterior(
        self, image: tf.Tensor, *, seed: types.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns latents `[batch, latent_dim]`, and log q(z | x) `[batch]`."""
        return self.sample_normal(image, seed=seed)
