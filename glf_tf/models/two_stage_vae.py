# SPDX-License-Identifier: Apache-2.0
"""The Two-Stage VAE: a second VAE models the latents of a first.

Dai, Wipf: Diagnosing and Enhancing VAE Models, 2019. https://arxiv.org/abs/1903.05789
"""

__all__ = ["TwoStageVAE"]

import keras
import tensorflow as tf

from glf_tf import checks, seeds, types
from glf_tf.models import variational
from glf_tf.priors import second_stage
from glf_tf.training import stages as stages_lib


@keras.saving.register_keras_serializable(package="glf_tf")
class TwoStageVAE(variational.AbstractVariational):
    """A VAE whose prior is another VAE, trained after it.

        first   mean(nll(x | z) + KL(q(z | x) || N(0, I))),  z = mu(x) + sigma(x) eps
        second  mean(nll(z | u) + KL(q(u | z) || N(0, I))),  z ~ q(z | x) anew each step

    with Gaussian likelihoods with a learned variance each, of pixels and of latents
    (section 4). As the decoder's variance decreases, the first VAE reconstructs well,
    but its latents are far from N(0, I); the second VAE, whose data and latents have
    the same dimension, can match them. An image is the decoded `z = f(u) + gamma eps`,
    `u ~ N(0, I)`, without noise on the pixels.

    The first stage trains encoder and decoder; the second uses the fixed `mu` and
    `sigma` of the whole set.

    Deviation: the encoder gives `log sigma` rather than the inverse softplus of
    `sigma - 1e-6`, and its layers have no spectral normalisation.

    Args:
        image_shape: (height, width, channels).
        reconstruction: The first reconstruction term; the paper's is a Gaussian of
            learned variance.
        second_width: Units of each hidden layer of the second stage.
        second_depth: Hidden layers of each network of the second stage.
        **kwargs: As in `AbstractAutoencoder`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        reconstruction: types.Reconstruction = "learned_gaussian",
        second_width: int = 1024,
        second_depth: int = 3,
        name: str | None = "two_stage_vae",
        **kwargs,
    ):
        super().__init__(
            image_shape, reconstruction=reconstruction, name=name, **kwargs
        )
        self._prior = second_stage.SecondStageVAE(
            self.latent_dim,
            width=checks.at_least("second_width", second_width, 1),
            depth=checks.at_least("second_depth", second_depth, 1),
        )
        self.built = True

    @property
    def prior(self) -> second_stage.SecondStageVAE:
        """The second stage."""
        return self._prior

    def stages(self) -> tuple[stages_lib.Stage, ...]:
        """Returns the two stages, each with its own negative ELBO."""
        first = stages_lib.Stage.of(
            "autoencoder",
            self.autoencoder_group,
            terms=self._autoencoder_terms,
            weights={"reconstruction": 1.0, "kl": 1.0},
        )
        second = stages_lib.Stage.of(
            "prior",
            stages_lib.Group("prior", layers=(self.prior,)),
            terms=self._prior_terms,
            weights=dict.fromkeys(self.prior.term_names, 1.0),
            cache=self.codes_of,
        )
        return self.sharpened(first, second)

    def _autoencoder_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "reconstruction" and "kl" in nats, `[batch]`."""
        of_z, _ = seeds.split(seed, 2)
        code = self.code(batch["image"], training=training)
        z, posterior = self._drawn(code, seed=of_z)
        logits = self.decoder(z, training=training)
        return {
            "reconstruction": self.reconstruction(batch["image"], logits),
            "kl": posterior.kl_to_standard_normal(),
        }

    def _prior_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "latent_reconstruction" and "latent_kl" in nats, `[batch]`."""
        of_z, of_u = seeds.split(seed, 2)
        z, _ = self._drawn(batch["code"], seed=of_z)
        return self.prior.terms(z, seed=of_u, training=training)

    def sample_posterior(
        self, image: tf.Tensor, *, seed: types.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns latents `[batch, latent_dim]`, and log q(z | x) `[batch]`."""
        return self.sample_normal(image, seed=seed)

    def _drawn(
        self, code: tf.Tensor, *, seed: tf.Tensor
    ) -> tuple[tf.Tensor, variational.DiagonalNormal]:
        posterior = self.normal_of(code)
        return posterior.sample(self.noise_like(posterior, seed=seed)), posterior
