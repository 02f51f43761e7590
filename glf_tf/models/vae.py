# SPDX-License-Identifier: Apache-2.0
"""The variational autoencoder.

Kingma, Welling: Auto-Encoding Variational Bayes, 2014. https://arxiv.org/abs/1312.6114
"""

__all__ = ["VAE"]

import keras
import tensorflow as tf

from glf_tf import checks, seeds, types
from glf_tf.models import variational
from glf_tf.priors import standard_normal
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class VAE(variational.AbstractVariational):
    """An autoencoder with a diagonal normal posterior and the prior N(0, I).

        loss = mean(recon(x, G(z)) + kl_weight * KL(q(z | x) || N(0, I))),  z ~ q(z | x)

    With `kl_weight` 1 and a reconstruction term that is a likelihood, the loss is the
    negative ELBO (appendix B of the paper for the KL divergence). The squared error is,
    up to a constant, the likelihood of a Gaussian decoder of variance 1/2;
    `reconstruction="gaussian"` has another variance, given or learned.

    Args:
        image_shape: (height, width, channels).
        kl_weight: Weight of the KL divergence, the beta of the beta-VAE. Options called
            `beta` in this library weight the reconstruction, as in the GLF paper.
        **kwargs: As in `AbstractAutoencoder`.
    """

    takes_critic = True

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        kl_weight: float = 1.0,
        name: str | None = "vae",
        **kwargs,
    ):
        super().__init__(image_shape, name=name, **kwargs)
        self.kl_weight = checks.not_negative("kl_weight", kl_weight)
        self._prior = standard_normal.StandardNormalPrior(self.latent_dim)
        self.built = True

    @property
    def prior(self) -> standard_normal.StandardNormalPrior:
        """N(0, I)."""
        return self._prior

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns a stage, in which the negative ELBO is only measured."""
        joint = self.reconstructing(
            "joint",
            self.autoencoder_group,
            terms=self._joint_terms,
            weights={
                "reconstruction": 1.0,
                "kl": self.kl_weight,
                "negative_elbo": 0.0,
            },
        )
        return self.sharpened(joint)

    def _joint_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "reconstruction", "kl" and their sum "negative_elbo", `[batch]`."""
        posterior = self.base_posterior(batch["image"], training=training)
        z = posterior.sample(self.noise_like(posterior, seed=seed))
        logits = self.decoder(z, training=training)
        how = {"seed": seeds.fold(seed, 1), "training": training}
        terms = self.reconstruction.terms(batch["image"], logits, **how)
        kl = posterior.kl_to_standard_normal()
        whole = terms["reconstruction"] + kl
        return {**terms, "kl": kl, "negative_elbo": whole}

    def sample_posterior(
        self, image: tf.Tensor, *, seed: types.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns latents `[batch, latent_dim]`, and log q(z | x) `[batch]`."""
        return self.sample_normal(image, seed=seed)
