# SPDX-License-Identifier: Apache-2.0
"""The base class of Wasserstein autoencoders.

Tolstikhin, Bousquet, Gelly, Schoelkopf: Wasserstein Auto-Encoders, 2018.
https://arxiv.org/abs/1711.01558
"""

__all__ = ["AbstractWAE"]


import tensorflow as tf

from glf_tf import checks, seeds, types
from glf_tf.models import autoencoder
from glf_tf.objectives import divergences
from glf_tf.priors import scaled_normal
from glf_tf.training import stages

_PRETRAINING_STEPS = 200


class AbstractWAE(autoencoder.AbstractAutoencoder):
    """A deterministic autoencoder whose aggregate codes resemble N(0, s^2 I).

        loss = reconstruction_weight * mean(recon(x, G(E(x)))) + weight * D(E(x), prior)

    A first stage, "pretrain", may fit the codes' mean and covariance to the prior's. It
    has the options `reconstruction_weight`, `weight`, `prior_scale`, `input_noise` and
    `pretrain` in addition to those of `AbstractAutoencoder`.

    Deviation: the authors' code ends the pretraining when its loss is below 0.1, has
        another batch size for it (1,000 images for MNIST), and uses the moments of
        draws from the prior instead of the prior's own.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        reconstruction_weight: float = 0.05,
        weight: float = 10.0,
        prior_scale: float = 1.0,
        input_noise: float = 0.0,
        pretrain: bool = True,
        **kwargs,
    ):
        """Initializes the model.

        Args:
            image_shape: (height, width, channels).
            reconstruction_weight: Weight of the reconstruction term.
            weight: Weight of the penalty, lambda in the papers.
            prior_scale: The prior's standard deviation, not its variance.
            input_noise: Standard deviation of noise on training images before the
                encoder, truncated at two standard deviations; the authors' code has
                0.01.
            pretrain: Whether up to 200 initial steps match the codes' mean and
                covariance to the prior's.
            **kwargs: As in `AbstractAutoencoder`.
        """
        super().__init__(image_shape, **kwargs)
        self.reconstruction_weight = checks.positive(
            "reconstruction_weight", reconstruction_weight
        )
        self.penalty_weight = checks.not_negative("weight", weight)
        self.input_noise = checks.not_negative("input_noise", input_noise)
        self._is_pretrained = pretrain
        self._prior = scaled_normal.ScaledNormalPrior(
            self.latent_dim, scale=checks.positive("prior_scale", prior_scale)
        )

    @property
    def prior(self) -> scaled_normal.ScaledNormalPrior:
        """N(0, prior_scale^2 I)."""
        return self._prior

    @property
    def pretraining(self) -> tuple[stages.Stage, ...]:
        """Returns the stage "pretrain", if requested."""
        if not self._is_pretrained:
            return ()
        pretrain = stages.Stage.of(
            "pretrain",
            stages.Group("encoder", layers=(self.encoder,)),
            terms=self._moment_terms,
            weights={"moments": 1.0},
            max_steps=_PRETRAINING_STEPS,
        )
        return (pretrain,)

    def code(self, image: tf.Tensor, *, seed: types.Seed, training: bool) -> tf.Tensor:
        """Returns the codes `[batch, latent_dim]`, with noise on images in training."""
        if training and self.input_noise > 0.0:
            image += tf.random.stateless_truncated_normal(
                tf.shape(image), seed=seed, stddev=self.input_noise, dtype=image.dtype
            )
        return tf.cast(self._encode(image, training=training), self.prior.compute_dtype)

    def _moment_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the term of the pretraining, "moments", of shape []."""
        noise_seed, _ = seeds.split(seed, 2)
        z = self.code(batch["image"], seed=noise_seed, training=training)
        scale = self.prior.scale
        return {"moments": divergences.moment_mismatch(z, prior_scale=scale)}

    def reconstruction_term(
        self, batch: types.Batch, z: tf.Tensor, *, training: bool
    ) -> tf.Tensor:
        """Returns the reconstruction term of codes, `[batch]`."""
        logits = self.decoder(z, training=training)
        return self.reconstruction(batch["image"], logits)
