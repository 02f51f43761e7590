# SPDX-License-Identifier: Apache-2.0
"""The base class of models in which a generator learns from a critic of images.

Goodfellow et al.: Generative Adversarial Nets, 2014. https://arxiv.org/abs/1406.2661
Lucic, Kurach, Michalski, Gelly, Bousquet: Are GANs Created Equal?, 2018, and its code,
compare_gan 1.0, of which the GLF paper's table 4 has its figures.
https://arxiv.org/abs/1711.10337
"""

__all__ = ["AbstractAdversarial"]

import abc
from collections.abc import Mapping
from typing import Literal

import keras
import tensorflow as tf

from glf_tf import checks, errors, seeds, types
from glf_tf.models import (
    coders,
    codes,
    inputs,
    model,
    noises,
    numeric_inputs,
    signatures,
)
from glf_tf.training import stages as stages_lib

_MOST_ITERATIONS = 32

_MADE = "made"
"""The images of the generator in batches, where both players have the same."""


class AbstractAdversarial(noises.DecodesNoise, model.GenerativeModel):
    """A generator of noise, and a critic, which learn in turns.

    A training step updates the critic `disc_iters` times, each on a new batch, then the
    generator once. An epoch is one pass of the critic through the images, so that more
    turns of the critic leave as many fewer to the generator, as in compare_gan.

    A concrete class sets what `critic_layers` returns, and gives terms of both players.

    Attributes:
        critic_bound: Bound on all weights of the critic; 0 for none.
        ordered_terms: The terms that are smaller for a better generator, whatever the
            critic has learned.

    Deviation: compare_gan updates the generator first at step 0, and then after every
        `disc_iters` steps; here the critic always comes first. Generators are
        normalised over the batch in the critic's turns too, so that their moving
        averages advance in all turns; with `shared_noise` once a batch, as both
        players have the same images.
    """

    critic_bound = 0.0
    ordered_terms = frozenset[str]()

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        latent_dim: int = 64,
        network: types.Network = "infogan",
        decoder: types.Network | None = None,
        decoder_output: Literal["auto", "logits", "images"] = "auto",
        noise: Literal["normal", "uniform"] = "normal",
        disc_iters: int = 1,
        shared_noise: bool = False,
        name: str | None = None,
    ):
        """Initializes the model, without a critic.

        Args:
            image_shape: (height, width, channels).
            latent_dim: Size of the noise; by default that of a decoder given as object.
            network: The family of generator and critic.
            decoder: Another generator than that of `network`: a Keras layer, or another
                network.
            decoder_output: Output of a Keras layer as decoder: "images", "logits", or
                "auto" where its last layer shows it; see `layers.endings`.
            noise: Its distribution: N(0, I), or uniform in [-1, 1].
            disc_iters: Updates of the critic for one of the generator, at most 32.
            shared_noise: Whether the generator's turn has the noise of the critic's
                first one; otherwise it has noise of its own.
            name: Name of the Keras model.

        Raises:
            InvalidValue: An option is out of range.
        """
        super().__init__(image_shape, name=name)
        checks.at_least("latent_dim", latent_dim, 1)
        self.disc_iters = _checked_iterations(disc_iters)
        self._noise_name, self._shares_noise = noise, shared_noise
        self.decoder, self.latent_dim = coders.generator(
            self,
            latent_dim=latent_dim,
            network=network,
            decoder=decoder,
            output=decoder_output,
        )

    @property
    @abc.abstractmethod
    def critic_layers(self) -> tuple[keras.layers.Layer, ...]:
        """The layers of the critic."""

    @property
    @abc.abstractmethod
    def critic_weights(self) -> Mapping[str, stages_lib.Weight]:
        """The weights of the critic's terms."""

    @abc.abstractmethod
    def score(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the critic's scores of images, `[batch]`, large for real ones."""

    @abc.abstractmethod
    def critic_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the critic's terms, by the names of `critic_weights`."""

    @abc.abstractmethod
    def generator_terms(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the generator's terms, by the names of `generator_weights`."""

    @property
    def generator_layers(self) -> tuple[keras.layers.Layer, ...]:
        """The generator, and what learns with it."""
        return (self.decoder,)

    @property
    def generator_weights(self) -> Mapping[str, stages_lib.Weight]:
        """The weights of the generator's terms."""
        return {"generator": 1.0}

    def stages(self) -> tuple[stages_lib.Stage, ...]:
        """Returns a stage with two updates, the critic's and the generator's."""
        critic = stages_lib.Update(
            "critic",
            (
                stages_lib.Group(
                    "critic", layers=self.critic_layers, bound=self.critic_bound
                ),
            ),
            terms=self.critic_terms,
            weights=self.critic_weights,
            repeats=self.disc_iters,
            unordered=tuple(sorted(self.critic_weights.keys() - self.ordered_terms)),
        )
        generator = stages_lib.Update(
            "generator",
            (stages_lib.Group("generator", layers=self.generator_layers),),
            terms=self.generator_terms,
            weights=self.generator_weights,
            unordered=tuple(sorted(self.generator_weights.keys() - self.ordered_terms)),
        )
        if not self._shares_noise:
            return (stages_lib.Stage("joint", (critic, generator)),)
        both = {"infer": self._with_noise, "shared": {_MADE: self._made}}
        return (stages_lib.Stage("joint", (critic, generator), **both),)

    def _with_noise(self, batch: types.Batch, *, seed: tf.Tensor) -> types.Batch:
        """Returns the batch with noise "z", which both players have."""
        count = tf.shape(batch["image"])[0]
        return {**batch, "z": self.draws(count, seed=seed)}

    def made(
        self, batch: types.Batch, *, seed: types.Seed, training: bool
    ) -> tf.Tensor:
        """Returns images of the generator, as many as there are in a batch.

        Args:
            batch: Images, and with them these if both players have the same.
            seed: Of the noise otherwise.
            training: Whether batches are normalised by their own statistics.
        """
        if _MADE in batch:
            return batch[_MADE]
        return self._made(batch, seed=seed, training=training)

    def _made(self, batch, *, seed, training):
        return self._decode(self.noise(batch, seed=seed), training=training)

    def noise(self, batch: types.Batch, *, seed: types.Seed) -> tf.Tensor:
        """Returns the noise of those images, `[batch, latent_dim]`."""
        if "z" in batch:
            return batch["z"]
        return self.draws(tf.shape(batch["image"])[0], seed=seed)

    def draws(self, n: int | tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns noise, `[n, latent_dim]`.

        Args:
            n: How many.
            seed: A stateless seed.
        """
        shape, seed = [n, self.latent_dim], seeds.make(seed)
        if self._noise_name == "uniform":
            return tf.random.stateless_uniform(shape, seed, minval=-1.0, maxval=1.0)
        return tf.random.stateless_normal(shape, seed)

    def decode(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the images of noise, in [0, 1].

        Raises:
            InvalidType: The noise is not floats.
            InvalidValue: It is not `[batch, latent_dim]`, or not finite.
        """
        return self._decode(inputs.latents(z, dim=self.latent_dim), training=False)

    def _decode(self, z: tf.Tensor, *, training: bool) -> tf.Tensor:
        return tf.sigmoid(tf.cast(self.decoder(z, training=training), tf.float32))

    def _sample(self, n, *, seed, temperature):
        """Returns images of noise times the temperature."""
        return self._decode_noise(self.draws(n, seed=seed), temperature=temperature)

    @property
    def noise_dim(self) -> int:
        """The size of latents, which are the noise."""
        return self.latent_dim

    @property
    def noise_law(self) -> str:
        """The density of each number of the noise."""
        return "U(-1, 1)" if self._noise_name == "uniform" else "N(0, 1)"

    def _decode_noise(self, noise, *, temperature):
        z = tf.cast(temperature, tf.float32) * tf.cast(noise, tf.float32)
        return self._decode(z, training=False)

    def signatures(self):
        """Returns the signatures of the base class, of noise, and "decode"."""
        found = super().signatures() | signatures.of_noise(self)
        return found | signatures.of_decoder(self)

    def interpolate(
        self,
        start: tf.Tensor,
        end: tf.Tensor,
        *,
        num_steps: int | tf.Tensor,
        space: Literal["noise", "latent"] = "noise",
    ) -> tf.Tensor:
        """Returns the images on straight lines between points of noise.

        Args:
            start: `[batch, latent_dim]`.
            end: `[batch, latent_dim]`.
            num_steps: Number of points on each line, including both ends.
            space: Either name means the same here: latents are the noise.

        Returns:
            Images `[batch, num_steps, height, width, channels]`.

        Raises:
            InvalidType: They are not floats.
            InvalidValue: They have another size, or are not finite; or `num_steps` or
                `space` is invalid.
        """
        numeric_inputs.steps(num_steps)
        numeric_inputs.space(space)
        ends = [inputs.latents(point, dim=self.latent_dim) for point in (start, end)]
        inputs.same_batch(starts=ends[0], ends=ends[1])
        line = codes.lines(*ends, num_steps=num_steps)
        images = self._decode(tf.reshape(line, [-1, self.latent_dim]), training=False)
        return tf.reshape(images, [tf.shape(line)[0], num_steps, *self.image_shape])


def _checked_iterations(value: int) -> int:
    checks.at_least("disc_iters", value, 1)
    if value > _MOST_ITERATIONS:
        raise errors.InvalidValue(
            f"A step has at most {_MOST_ITERATIONS} updates of the critic",
            received=f"disc_iters={value}",
            do="Use fewer, such as --disc_iters=5",
        )
    return value
