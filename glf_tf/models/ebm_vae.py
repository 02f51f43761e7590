# SPDX-License-Identifier: Apache-2.0
"""EBM-VAE: a VAE and an energy of images with latents, learned as a triangle.

Han, Nijkamp, Zhou, Pang, Zhu, Wu: Joint Training of Variational Auto-Encoder and Latent
Energy-Based Model, 2020. https://arxiv.org/abs/2006.06059
Its code for CIFAR-10: https://github.com/alexzhou907/vae_ebm
"""

__all__ = ["EBMVAE"]

from collections.abc import Mapping
from typing import Literal

import keras
import tensorflow as tf

from glf_tf import checks, seeds, types
from glf_tf.models import (
    coders,
    joint_critics,
    scoring,
    signatures,
    variational,
)
from glf_tf.objectives import adversarial as losses
from glf_tf.priors import standard_normal
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class EBMVAE(scoring.ScoresAnomalies, variational.AbstractVariational):
    """A VAE whose two densities of images with latents an energy E tells apart.

    There are three joint densities: Q(x, z) = q(x) q(z | x), of images and the encoder;
    P(x, z) = p(z) p(x | z), of N(0, I) and the decoder G; and the energy's, Pi(x, z) =
    exp(-E(x, z)) / Z. The encoder and the decoder minimise what the energy maximises:

        vae_weight * KL(Q || P) + KL(P || Pi) - KL(Q || Pi)

    In it Z cancels, and with a `vae_weight` of 1 so does the entropy of q(z | x). What
    is left, with `z ~ q(z | x)`, `y ~ N(0, I)` and `w = vae_weight`:

        energy   E(x, z) - E(G(y), y)
        encoder  w (-log p(x | z) - log p(z)) + (w - 1) log q(z | x) - E(x, z)
        decoder  -w log p(x | z) + E(G(y), y)

    The energy is updated first, then both others against the new one: the sum of their
    losses gives each its own gradients. Terms of weight 0 tell how training goes:
    `accuracy`, how often the energy of a pair of Q is below one of P, `distance`, the
    difference of both, `kl` and `negative_elbo` as in a VAE, in nats.

    As in the released code E = softplus(h) of a network h with spectral norms; the
    squared error of pixels in [-1, 1] has the weight 1 there, which a `signed_gaussian`
    has with a sigma of sqrt(1/2); and images of P are the means G(y), without noise of
    pixels, which changes nothing for the decoder if E is quadratic.

    The score of anomalies is E(x, z) at the mean z of q(z | x), "energy", as in the
    paper, or -log p(x, z), "generator", which is ours.

    Deviation: encoder and decoder are updated together, not one after the other; h has
        fewer layers, leaky ReLUs before it joins its branches, and pixels in [0, 1],
        where the code has [-1, 1], by which a network of norm 1 can change twice as
        much.

    No code was released for MNIST: networks and sizes for it are ours.

    Args:
        image_shape: (height, width, channels).
        vae_weight: Weight of KL(Q || P), at least 1. Above 1, posteriors keep an
            entropy; with 1 nothing but the energy keeps codes from shrinking.
        energy_form: Of the network's output h: "softplus", `E = log(1 + exp(h))`, or
            "identity", `E = h`. Without spectral norms a softplus may fall to 0 at all
            pairs, where nobody learns from it.
        energy_scale: A factor of E, which with spectral norms is how steep it may be,
            and how much it counts beside KL(Q || P); the released code has none.
        critic: Another branch of images for the energy: a network, of which it is the
            encoder with `critic_width` outputs, or a Keras layer.
        critic_norm: Its normalisation: "spectral", of all its layers, or "none".
        critic_filters: Filters of the 4x4 convolutions of its own branch of images.
        critic_code_width: Units of its branch of latents.
        critic_width: Its features, of which h is a linear function.
        anomaly_score: The score of anomalies.
        network: The family of encoder and decoder.
        reconstruction: The term that is -log p(x | z).
        **kwargs: As in `AbstractAutoencoder`.
    """

    anomaly_scores = ("energy", "generator")

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        vae_weight: float = 1.0,
        energy_form: Literal["softplus", "identity"] = "softplus",
        energy_scale: float = 1.0,
        critic: types.Network | None = None,
        critic_norm: Literal["none", "spectral"] = "spectral",
        critic_filters: tuple[int, ...] = (64, 128),
        critic_code_width: int = 512,
        critic_width: int = 1024,
        anomaly_score: Literal["energy", "generator"] = "energy",
        network: types.Network = "infogan",
        reconstruction: types.Reconstruction = "signed_gaussian",
        name: str | None = "ebm_vae",
        **kwargs,
    ):
        how = {"network": network, "reconstruction": reconstruction, "name": name}
        super().__init__(image_shape, **how, **kwargs)
        self.vae_weight = _checked_weight(vae_weight)
        self.energy_form, self.anomaly_score = energy_form, anomaly_score
        self.energy_scale = checks.positive("energy_scale", energy_scale)
        self._prior = standard_normal.StandardNormalPrior(self.latent_dim)
        self.critic = joint_critics.make(
            self,
            critic=critic,
            norm=critic_norm,
            filters=joint_critics.checked_filters("critic_filters", critic_filters),
            code_width=checks.at_least("critic_code_width", critic_code_width, 1),
            width=checks.at_least("critic_width", critic_width, 1),
            dropout=0.0,
        )
        self.built = True

    @property
    def prior(self) -> standard_normal.StandardNormalPrior:
        """N(0, I)."""
        return self._prior

    def stages(self) -> tuple[stages.Stage, ...]:
        """Returns a stage with two updates, and that of a sharpening, if any."""
        critic = stages.Update(
            "critic",
            (stages.Group("critic", layers=(self.critic,)),),
            terms=self._critic_terms,
            weights={"energy": 1.0, "accuracy": 0.0, "distance": 0.0},
        )
        both = stages.Update(
            "autoencoder",
            (self.autoencoder_group,),
            terms=self._autoencoder_terms,
            weights=self._autoencoder_weights,
        )
        return self.sharpened(stages.Stage("joint", (critic, both)))

    @property
    def _autoencoder_weights(self) -> Mapping[str, float]:
        weight = self.vae_weight
        return {
            "reconstruction": weight,
            "nll": weight,
            "negative_entropy": weight - 1.0,
            "encoder": 1.0,
            "generator": 1.0,
            "kl": 0.0,
            "negative_elbo": 0.0,
        }

    def energy(
        self, image: tf.Tensor, z: tf.Tensor, *, training: bool = False
    ) -> tf.Tensor:
        """Returns the energy of images with latents, small for pairs of Q, `[batch]`.

        Up to a constant it is -log Pi(x, z) in nats.
        """
        score = joint_critics.judge(self.critic, image, z, training=training).score
        is_softplus = self.energy_form == "softplus"
        return self.energy_scale * (tf.nn.softplus(score) if is_softplus else score)

    def _critic_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "energy" and diagnostics, `[batch]`."""
        code_seed, noise_seed = seeds.split(seed, 2)
        z = self.drawn_latents(batch["image"], seed=code_seed, training=training)
        image, drawn = self._made(batch, seed=noise_seed, training=training)
        of_data = self.energy(batch["image"], z, training=training)
        of_made = self.energy(image, drawn, training=training)
        return {
            "energy": of_data - of_made,
            "accuracy": losses.accuracy(of_made, of_data),
            "distance": of_made - of_data,
        }

    def _made(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the images of draws of the prior, and these, one for each image."""
        drawn = self.prior.sample(tf.shape(batch["image"])[0], seed=seed)
        return self._decode(drawn, training=training), drawn

    def _autoencoder_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the terms of encoder and decoder, and diagnostics, `[batch]`.

        "reconstruction", "nll" and "negative_entropy" are those of a VAE, in nats;
        "encoder" is -E(x, z), and "generator" E(G(y), y).
        """
        code_seed, noise_seed = seeds.split(seed, 2)
        image = batch["image"]
        posterior = self.base_posterior(image, training=training)
        z = posterior.sample(self.noise_like(posterior, seed=code_seed))
        logits = coders.apply(self.decoder, z, training=training)
        made, drawn = self._made(batch, seed=noise_seed, training=training)
        terms = {
            "reconstruction": self.reconstruction(image, logits),
            "nll": -self.prior.log_prob(z),
            "negative_entropy": -posterior.entropy(),
            "encoder": -self.energy(image, z, training=training),
            "generator": self.energy(made, drawn, training=training),
        }
        terms["kl"] = terms["nll"] + terms["negative_entropy"]
        terms["negative_elbo"] = terms["reconstruction"] + terms["kl"]
        return terms

    def sample_posterior(
        self, image: tf.Tensor, *, seed: types.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns latents `[batch, latent_dim]`, and log q(z | x) `[batch]`."""
        return self.sample_normal(image, seed=seed)

    def _anomaly_terms(self, image: tf.Tensor, *, score: str) -> types.Terms:
        """Returns "energy", or "reconstruction" and "nll" in nats, `[batch]`."""
        z = tf.cast(self._encode(image), self.prior.compute_dtype)
        if score == "energy":
            return {"energy": self.energy(image, z)}
        logits = coders.apply(self.decoder, z, training=False)
        return {
            "reconstruction": self.reconstruction(image, logits),
            "nll": -self.prior.log_prob(z),
        }

    def signatures(self):
        """Returns those of an autoencoder, with its own "score"."""
        return super().signatures() | signatures.of_anomalies(self)


def _checked_weight(weight: float) -> float:
    why = "or the entropy of posteriors would fall without bounds"
    checks.at_least("vae_weight", weight, 1, why=why)
    return checks.positive("vae_weight", weight)
