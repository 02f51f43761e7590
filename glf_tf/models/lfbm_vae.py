# SPDX-License-Identifier: Apache-2.0
"""LFBM-VAE: the generator and prior of LFBM, with an encoder in place of chains.

Xie, Zhu, Xu, Li, Li: A Tale of Two Latent Flows: Learning Latent Space Normalizing Flow
with Short-run Langevin Flow for Approximate Inference, 2023.
https://arxiv.org/abs/2301.09300
"""

__all__ = ["LFBMVAE"]

import keras
import tensorflow as tf

from glf_tf import checks, types
from glf_tf.models import latent, variational
from glf_tf.priors import prior as prior_lib
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class LFBMVAE(variational.AbstractVariational):
    """A generator and a prior, learned with a diagonal normal posterior.

        loss = mean(-log p(x | z) - log p(z) + E[log q(z | x)]),  z ~ q(z | x)

    with x ~ N(g(z), sigma^2 I): the negative ELBO. No gradient is stopped. No code was
    released: the encoder, which mirrors the generator, and the posterior are ours.

    Latents can also be inferred by chains, `infer_latents`, for instance with the
    encoder's latents as `start`.

    Args:
        image_shape: (height, width, channels).
        latent_dim: Size of the latents.
        network: The family of the encoder and generator.
        prior: The density of the latents, trained by gradients, or N(0, I).
        reconstruction: The reconstruction term; its sigma is for pixels in [-1, 1].
        num_classes: Number of labels, 0 to `num_classes - 1`, that the prior depends
            on; 0 for none.
        **kwargs: As in `AbstractAutoencoder`.
    """

    uses_masks = True

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        latent_dim: int = 100,
        network: types.Network = "top_down",
        prior: types.Prior = "flow",
        reconstruction: types.Reconstruction = "signed_gaussian",
        num_classes: int = 0,
        name: str | None = "lfbm_vae",
        **kwargs,
    ):
        super().__init__(
            image_shape,
            latent_dim=latent_dim,
            network=network,
            reconstruction=reconstruction,
            name=name,
            **kwargs,
        )
        self.num_classes = checks.at_least("num_classes", num_classes, 0)
        self._prior = latent.learned_prior(
            prior, latent_dim=self.latent_dim, num_classes=num_classes
        )
        self.built = True

    @property
    def prior(self) -> prior_lib.AbstractPrior:
        """The density of the latents."""
        return self._prior

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns a stage with an optimiser for the autoencoder and one for the prior.

        The loss is the negative ELBO; terms of weight 0 are only measured.
        """
        groups = [self.autoencoder_group]
        if self.prior.trainable_variables:
            groups.append(stages.Group("prior", (self.prior,)))
        minimised = ("reconstruction", "nll", "negative_entropy")
        joint = stages.Stage.of(
            "joint",
            *groups,
            terms=self.learned_prior_terms,
            weights={**dict.fromkeys(minimised, 1.0), "kl": 0.0, "negative_elbo": 0.0},
            prepare=self._start_prior,
        )
        return self.sharpened(joint)

    def sample_posterior(
        self, image: tf.Tensor, *, seed: types.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns latents `[batch, latent_dim]`, and log q(z | x) `[batch]`."""
        return self.sample_normal(image, seed=seed)
