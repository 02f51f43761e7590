# SPDX-License-Identifier: Apache-2.0
"""BiGAN: a critic of images with their latents teaches a generator and an encoder.

Donahue, Kraehenbuehl, Darrell: Adversarial Feature Learning, 2017.
https://arxiv.org/abs/1605.09782
Dumoulin et al.: Adversarially Learned Inference, 2017. https://arxiv.org/abs/1606.00704
Zenati, Foo, Lecouat, Manek, Chandrasekhar: Efficient GAN-Based Anomaly Detection, 2018,
and its code (scores of anomalies). https://arxiv.org/abs/1802.06222
Li et al.: ALICE, 2017 (the weight of reconstructions).
https://arxiv.org/abs/1709.01215
"""

__all__ = ["BiGAN"]

from collections.abc import Mapping
from typing import Literal

import keras
import tensorflow as tf

from glf_tf import checks, errors, seeds, types
from glf_tf.models import (
    autoencoder,
    coders,
    joint_critics,
    pairs,
    scoring,
    signatures,
)
from glf_tf.networks import joint_critic
from glf_tf.objectives import adversarial as losses
from glf_tf.objectives import signed_gaussian
from glf_tf.priors import standard_normal
from glf_tf.training import stages

_PENALTY_WEIGHT = 10.0


@keras.saving.register_keras_serializable(package="glf_tf")
class BiGAN(scoring.ScoresAnomalies, autoencoder.AbstractAutoencoder):
    """A generator G and an encoder E that a critic D of pairs cannot tell apart.

    A step updates the critic first, then both others against the new critic; losses in
    nats where they are logarithms, `S = softplus`, `r = D(x, E(x))` and `m = D(G(z),
    z)` with `z ~ N(0, I)`:

        loss             critic                     generator + encoder
        non_saturating   S(-r) + S(m)               S(-m) + S(r)
        minimax          S(-r) + S(m)               -S(m) - S(-r)
        hinge            relu(1 - r) + relu(1 + m)  -m + r

    The encoder's loss is the generator's with the sign of its score changed. Where the
    critic cannot tell, E inverts G (theorem 2 of Donahue et al.). With a
    `reconstruction_weight` they are trained to do so, too, as in ALICE; without, the
    term "reconstruction" only tells how far they are from it. So do `accuracy`, how
    often `r` is above `m`, and `distance`, `r - m`.

    The critic's penalty, times `penalty_weight`, of gradients with respect to images
    and latents joined in one vector y:

        interpolated   (|grad D(y)| - 1)^2, y between (x, E(x)) and (G(z), z)
        zero_centred   (|grad D(x, E(x))|^2 + |grad D(G(z), z)|^2) / 2

    The score of anomalies is `(1 - w) |x - G(E(x))| + w d`, a sum over pixels in [-1,
    1] and `w = anomaly_weight`, with d by `anomaly_score`:

        cross_entropy           S(-D(G(E(x)), E(x))), as in the code of Zenati et al.
        cross_entropy_of_image  S(-D(x, E(x))), as in their paper
        feature_matching        |f(x, E(x)) - f(G(E(x)), E(x))|, a sum over the critic's
                                features f

    Deviation: both players of a step have the same images, which are shuffled
        separately in the code of Zenati et al.

    Args:
        image_shape: (height, width, channels).
        loss: The losses of all players.
        reconstruction_weight: Weight of the reconstruction term in the loss of
            generator and encoder.
        penalty: The penalty on the critic's gradient.
        penalty_weight: Its weight.
        critic: Another branch of images for the critic: a network, of which it is the
            encoder with `critic_width` outputs, or a Keras layer.
        critic_norm: Its normalisation: "batch" as it is, with what batch normalisation
            its branch of images has; "none"; or "spectral", of all its layers.
        critic_filters: Filters of the 4x4 convolutions of its own branch of images.
        critic_code_width: Units of its branch of latents.
        critic_width: Its features, of which the score is a linear function.
        critic_dropout: Share of its units that are set to zero in training.
        anomaly_score: The score of anomalies.
        anomaly_weight: The share of the critic's part in it.
        network: The family of encoder and generator.
        **kwargs: As in `AbstractAutoencoder`.
    """

    anomaly_scores = ("cross_entropy", "cross_entropy_of_image", "feature_matching")

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        loss: Literal["non_saturating", "minimax", "hinge"] = "non_saturating",
        reconstruction_weight: float = 0.0,
        penalty: Literal["none", "interpolated", "zero_centred"] = "none",
        penalty_weight: float = _PENALTY_WEIGHT,
        critic: types.Network | None = None,
        critic_norm: Literal["none", "batch", "spectral"] = "batch",
        critic_filters: tuple[int, ...] = (64, 64),
        critic_code_width: int = 512,
        critic_width: int = 1024,
        critic_dropout: float = 0.5,
        anomaly_score: Literal[
            "cross_entropy", "cross_entropy_of_image", "feature_matching"
        ] = "cross_entropy",
        anomaly_weight: float = 0.1,
        network: types.Network = "egbad",
        name: str | None = "bigan",
        **kwargs,
    ):
        super().__init__(image_shape, network=network, name=name, **kwargs)
        self.loss_name, self.penalty = loss, penalty
        self.reconstruction_weight = checks.not_negative(
            "reconstruction_weight", reconstruction_weight
        )
        self.penalty_weight = checks.not_negative("penalty_weight", penalty_weight)
        self.anomaly_score = anomaly_score
        self.anomaly_weight = _checked_share(anomaly_weight)
        self._prior = standard_normal.StandardNormalPrior(self.latent_dim)
        self.critic = joint_critics.make(
            self,
            critic=critic,
            norm=critic_norm,
            filters=joint_critics.checked_filters("critic_filters", critic_filters),
            code_width=checks.at_least("critic_code_width", critic_code_width, 1),
            width=checks.at_least("critic_width", critic_width, 1),
            dropout=critic_dropout,
        )
        self._check()
        self.built = True

    def _check(self) -> None:
        """Checks that options go together."""
        how = {"weight": self.penalty_weight, "default": _PENALTY_WEIGHT}
        joint_critics.check_penalty(self.critic, penalty=self.penalty, **how)
        learns = bool(self.reconstruction.trainable_variables)
        if learns and not self.reconstruction_weight:
            raise errors.InvalidValue(
                "A reconstruction term that learns must be minimised",
                received=f"{type(self.reconstruction).__name__} with "
                "reconstruction_weight=0",
                do="Set --reconstruction_weight, or use --reconstruction=squared_error",
            )

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
            weights=self._critic_weights,
        )
        both = stages.Update(
            "autoencoder",
            (self.autoencoder_group,),
            terms=self._autoencoder_terms,
            weights={
                "generator": 1.0,
                "encoder": 1.0,
                "reconstruction": self.reconstruction_weight,
            },
        )
        return self.sharpened(stages.Stage("joint", (critic, both)))

    @property
    def _loss(self) -> losses.Loss:
        return losses.LOSSES[self.loss_name]

    @property
    def _critic_weights(self) -> Mapping[str, float]:
        weights = {"critic": 1.0, "accuracy": 0.0, "distance": 0.0}
        if self.penalty == "none":
            return weights
        return {**weights, "penalty": self.penalty_weight, "gradient_norm": 0.0}

    def judge(
        self, image: tf.Tensor, z: tf.Tensor, *, training: bool = False
    ) -> joint_critic.Judgement:
        """Returns the critic's scores and features of images with latents."""
        return joint_critics.judge(self.critic, image, z, training=training)

    def _pairs(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> tuple[pairs.Pair, pairs.Pair]:
        """Returns images with their codes, and draws of the prior with their images."""
        image, dtype = batch["image"], self.prior.compute_dtype
        z = self.prior.sample(tf.shape(image)[0], seed=seed)
        code = tf.cast(self._encode(image, training=training), dtype)
        return (image, code), (self._decode(z, training=training), z)

    def _critic_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "critic", its penalty if there is one, and diagnostics; `[batch]`."""
        noise_seed, penalty_seed = seeds.split(seed, 2)
        real, made = self._pairs(batch, seed=noise_seed, training=training)
        # Apart from each other, so that each is normalised by its own statistics.
        real_score = self.judge(*real, training=training).score
        made_score = self.judge(*made, training=training).score
        terms = {
            "critic": self._loss.critic(real_score, made_score),
            "accuracy": losses.accuracy(real_score, made_score),
            "distance": real_score - made_score,
        }
        if self.penalty == "none":
            return terms

        def score(image, z):
            return self.judge(image, z, training=training).score

        how = {"kind": self.penalty, "seed": penalty_seed}
        return terms | pairs.penalties(score, real=real, made=made, **how)

    def _autoencoder_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "generator", "encoder" and "reconstruction", `[batch]`."""
        noise_seed, _ = seeds.split(seed, 2)
        real, made = self._pairs(batch, seed=noise_seed, training=training)
        real_score = self.judge(*real, training=training).score
        made_score = self.judge(*made, training=training).score
        # Where it is only measured, codes shall not move the decoder's averages.
        is_learned = training and self.reconstruction_weight > 0.0
        logits = coders.apply(self.decoder, real[1], training=is_learned)
        return {
            "generator": self._loss.generator(None, made_score),
            "encoder": self._loss.generator(None, -real_score),
            "reconstruction": self.reconstruction(batch["image"], logits),
        }

    def _anomaly_terms(self, image: tf.Tensor, *, score: str) -> types.Terms:
        """Returns "error" and "critic", with their weights in the score, `[batch]`."""
        z = tf.cast(self._encode(image), self.prior.compute_dtype)
        found = self._decode(z)
        apart = tf.reduce_sum(tf.abs(image - found), axis=[1, 2, 3])
        if score == "feature_matching":
            features = [self.judge(x, z).features for x in (image, found)]
            unlike = tf.reduce_sum(tf.abs(features[0] - features[1]), axis=1)
        else:
            judged = image if score == "cross_entropy_of_image" else found
            unlike = tf.nn.softplus(-self.judge(judged, z).score)
        share = self.anomaly_weight
        return {
            "error": (1.0 - share) * signed_gaussian.RANGE * apart,
            "critic": share * tf.cast(unlike, tf.float32),
        }

    def signatures(self):
        """Returns those of an autoencoder, with its own "score"."""
        return super().signatures() | signatures.of_anomalies(self)


def _checked_share(share: float) -> float:
    if not 0.0 <= share <= 1.0:
        raise errors.InvalidValue(
            "`anomaly_weight` is the critic's share in the score, from 0 to 1",
            received=f"anomaly_weight={share}",
            do="Use for instance --anomaly_weight=0.1",
        )
    return share
