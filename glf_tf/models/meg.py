# SPDX-License-Identifier: Apache-2.0
"""MEG: an energy of images, and a generator of large entropy that draws from it.

Kumar, Ozair, Goyal, Courville, Bengio: Maximum Entropy Generators for Energy-Based
Models, 2019, and its code. https://arxiv.org/abs/1901.08508
"""

__all__ = ["MEG"]

from collections.abc import Mapping
from typing import Literal

import keras
import tensorflow as tf

from glf_tf import checks, seeds, types
from glf_tf.layers import never_empty
from glf_tf.models import (
    adversarial,
    critics,
    joint_critics,
    scoring,
    signatures,
)
from glf_tf.objectives import adversarial as losses
from glf_tf.objectives import gradient_penalty, information, signed_gaussian
from glf_tf.training import stages


@keras.saving.register_keras_serializable(package="glf_tf")
class MEG(scoring.ScoresAnomalies, adversarial.AbstractAdversarial):
    """An energy E, small for images, a generator G and an estimator T of information.

        energy     E(x) - E(G(z)) + penalty_weight * |grad E(x)|^2
        generator  E(G(z)) + information_weight * H(T),  z ~ N(0, I)

    `H(T)` is the cross entropy of telling pairs (G(z), z) from those with the z of
    another image, which T and G minimise together: then z can be told from G(z), and
    the entropy of images is as large as their information about z. The energy is
    updated `disc_iters` times for one update of the others.

    Gradients are with respect to pixels in [-1, 1]. Terms of weight 0 tell how training
    goes: `accuracy`, how often a real image's energy is below a made one's, `distance`,
    `E(G) - E(x)`, and `mutual_information`, the mean of T over pairs in nats.

    The score of anomalies is E(x), "energy", or |grad E(x)|, "gradient_norm".

    Deviation: pairs are mixed with the z of the image before in the batch, not of a
        shuffled one; T has a dense layer of its own for z; the released networks have
        5x5 convolutions.

    Args:
        image_shape: (height, width, channels).
        penalty_weight: Weight of the penalty on the energy's gradient at real images.
        information_weight: Weight of the cross entropy of the estimator.
        energy_norm: Normalisation of the energy: "none", or "spectral".
        estimator_filters: Filters of the estimator's 4x4 convolutions.
        estimator_width: Units of its dense layers.
        anomaly_score: The score of anomalies.
        disc_iters: Updates of the energy for one of the generator, at most 32.
        network: The family of generator and energy.
        **kwargs: As in `AbstractAdversarial`.
    """

    anomaly_scores = ("energy", "gradient_norm")

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        penalty_weight: float = 100.0,
        information_weight: float = 1.0,
        energy_norm: Literal["none", "spectral"] = "none",
        estimator_filters: tuple[int, ...] = (64, 128),
        estimator_width: int = 512,
        anomaly_score: Literal["energy", "gradient_norm"] = "energy",
        disc_iters: int = 5,
        network: types.Network = "infogan",
        name: str | None = "meg",
        **kwargs,
    ):
        how = {"disc_iters": disc_iters, "network": network, "name": name}
        super().__init__(image_shape, **how, **kwargs)
        self.penalty_weight = checks.not_negative("penalty_weight", penalty_weight)
        self.information_weight = checks.not_negative(
            "information_weight", information_weight
        )
        self.anomaly_score = anomaly_score
        self.energy_net = critics.make(
            self, network=network, critic=None, norm=energy_norm, has_last_bias=False
        )
        self.estimator = joint_critics.make(
            self,
            critic=None,
            norm="none",
            filters=joint_critics.checked_filters(
                "estimator_filters", estimator_filters
            ),
            code_width=checks.at_least("estimator_width", estimator_width, 1),
            width=estimator_width,
            dropout=0.0,
            role="estimator",
        )
        self.built = True

    @property
    def critic_layers(self) -> tuple[keras.layers.Layer, ...]:
        """The energy."""
        return (self.energy_net,)

    @property
    def critic_weights(self) -> Mapping[str, stages.Weight]:
        """The weights of the energy's terms; others are measured."""
        weights = {"energy": 1.0, "penalty": self.penalty_weight}
        return {**weights, "accuracy": 0.0, "distance": 0.0}

    @property
    def generator_layers(self) -> tuple[keras.layers.Layer, ...]:
        """The generator, and the estimator that learns with it."""
        return self.decoder, self.estimator

    @property
    def generator_weights(self) -> Mapping[str, stages.Weight]:
        """The weights of the generator's terms; others are measured."""
        weights = {"generator": 1.0, "information": self.information_weight}
        return {**weights, "mutual_information": 0.0}

    def energy(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the energy of images, small for real ones, `[batch]`."""
        if training:
            found = self.energy_net(image, training=True)
        else:
            found = never_empty.apply(self.energy_net, image)
        return tf.cast(found[:, 0], tf.float32)

    def score(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the negative energies of images, `[batch]`, large for real ones."""
        return -self.energy(image, training=training)

    def critic_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "energy", "penalty" and diagnostics, `[batch]`."""
        noise_seed, _ = seeds.split(seed, 2)
        image = batch["image"]
        made = self.made(batch, seed=noise_seed, training=training)
        real_energy = self.energy(image, training=training)
        made_energy = self.energy(made, training=training)
        return {
            "energy": real_energy - made_energy,
            "penalty": self._squared_norm(image, training=training),
            "accuracy": losses.accuracy(made_energy, real_energy),
            "distance": made_energy - real_energy,
        }

    def _squared_norm(self, image: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Returns `|grad E(x)|^2` for pixels in [-1, 1], `[batch]`."""
        found = gradient_penalty.squared_norm(
            lambda x: self.energy(x, training=training), image
        )
        return found / signed_gaussian.RANGE**2

    def generator_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "generator", "information" and "mutual_information", `[batch]`."""
        noise_seed, _ = seeds.split(seed, 2)
        noise = self.noise(batch, seed=noise_seed)
        made = self.made(batch, seed=noise_seed, training=training)
        joint = self.estimator(made, noise, training=training).score
        apart = self.estimator(made, information.mixed(noise), training=training).score
        return {
            "generator": self.energy(made, training=training),
            "information": information.cross_entropy(joint, apart),
            "mutual_information": joint,
        }

    def _anomaly_terms(self, image: tf.Tensor, *, score: str) -> types.Terms:
        """Returns the score, under its name, `[batch]`."""
        if score == "energy":
            return {score: self.energy(image)}
        return {score: tf.sqrt(self._squared_norm(image, training=False))}

    def signatures(self):
        """Returns those of the base class, and "score"."""
        return super().signatures() | signatures.of_anomalies(self)
