# SPDX-License-Identifier: Apache-2.0
"""WAE-GAN: a critic that distinguishes codes from draws keeps codes near the prior.

Tolstikhin, Bousquet, Gelly, Schoelkopf: Wasserstein Auto-Encoders, 2018, algorithm 1.
https://arxiv.org/abs/1711.01558
Xiao, Yan, Amit: Generative Latent Flow, 2019, appendix B.3 (the critic).
https://arxiv.org/abs/1905.10485
"""

__all__ = ["WAEGAN"]

import keras
import tensorflow as tf

from glf_tf import checks, errors, seeds, types
from glf_tf.models import wae
from glf_tf.networks import critic
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class WAEGAN(wae.AbstractWAE):
    """A Wasserstein autoencoder with an adversarial penalty.

    A step updates the critic first, then the autoencoder against the new critic T:

        critic:      weight * mean(softplus(-T(y)) + softplus(T(E(x))))
        autoencoder: reconstruction_weight * mean(recon(x, G(E(x))))
                     + weight * mean(softplus(-T(E(x))))
        y ~ N(0, prior_scale^2 I),  T(z) = critic(z) [+ log p(z)]

    that is, cross entropies in nats with the labels 1 for draws and 0 for codes, and
    the non-saturating form for the encoder. A critic that cannot distinguish the two
    has `critic_prior = critic_code = adversarial = log 2`.

    The best critic is log p(z) - log q(z), with q the codes' density. As p is known, a
    critic with the `prior_trick` learns -log q alone.

    The authors' code has 0.05 as `reconstruction_weight`. With Adam only the ratio of
    the two weights matters: their `weight` of 10 is 200 per unit of squared error. An
    error of pixels in [-1, 1] is 4 times that of pixels in [0, 1], as here.

    Deviation: the authors' code updates the autoencoder first, and its log p(z) adds
        that of every code to every logit (shapes [n, 1] and [n] broadcast to [n, n]),
        with one constant of log(2 pi) / 2 for all coordinates. Here it is the
        log-density of each code.

    Args:
        image_shape: (height, width, channels).
        prior_trick: Whether log p(z) is added to the critic's logit.
        critic_width: Units of each hidden layer of the critic.
        critic_depth: Hidden layers of the critic.
        **kwargs: As in `AbstractWAE`.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        prior_trick: bool = False,
        critic_width: int = 512,
        critic_depth: int = 4,
        name: str | None = "wae_gan",
        **kwargs,
    ):
        super().__init__(image_shape, name=name, **kwargs)
        _check_weight(self.penalty_weight)
        self._prior_trick = prior_trick
        self.critic = critic.critic(
            self.latent_dim,
            width=checks.at_least("critic_width", critic_width, 1),
            depth=checks.at_least("critic_depth", critic_depth, 1),
        )
        self.built = True

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns the pretraining, if requested, and a stage with two updates."""
        weight = self.penalty_weight
        critic_update = stages.Update(
            "critic",
            (stages.Group("critic", layers=(self.critic,)),),
            terms=self._critic_terms,
            weights={"critic_prior": weight, "critic_code": weight},
        )
        autoencoder = stages.Update(
            "autoencoder",
            (self.autoencoder_group,),
            terms=self._autoencoder_terms,
            weights={
                "reconstruction": self.reconstruction_weight,
                "adversarial": weight,
            },
        )
        joint = stages.Stage("joint", (critic_update, autoencoder))
        return self.sharpened(*self.pretraining, joint)

    # Both players use codes normalised over the batch, like the decoder, so that the
    # moving averages of batch normalisation are updated twice per batch.

    def _critic_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "critic_prior" and "critic_code", each `[batch]`."""
        noise_seed, prior_seed = seeds.split(seed, 2)
        z = self.code(batch["image"], seed=noise_seed, training=training)
        drawn = self.prior.sample(tf.shape(z)[0], seed=prior_seed)
        return {
            "critic_prior": tf.nn.softplus(-self.logit(drawn)),
            "critic_code": tf.nn.softplus(self.logit(z)),
        }

    def _autoencoder_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "reconstruction" and "adversarial", each `[batch]`."""
        noise_seed, _ = seeds.split(seed, 2)
        z = self.code(batch["image"], seed=noise_seed, training=training)
        return {
            "reconstruction": self.reconstruction_term(batch, z, training=training),
            "adversarial": tf.nn.softplus(-self.logit(z)),
        }

    def logit(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the critic's logit of being a draw from the prior, `[batch]`."""
        logit = tf.cast(self.critic(z)[:, 0], self.prior.compute_dtype)
        return logit + self.prior.log_prob(z) if self._prior_trick else logit


def _check_weight(weight: float) -> None:
    if weight <= 0.0:
        raise errors.InvalidValue(
            "`weight`, which multiplies the critic's loss, must be positive",
            received=f"weight={weight}",
            do="Use for instance --weight=10, or --model=wae_mmd --weight=0",
        )
