# SPDX-License-Identifier: Apache-2.0
"""What models with an encoder, a decoder and a prior on latents have in common."""

__all__ = ["AbstractAutoencoder"]

import abc
from typing import Literal

import tensorflow as tf

from glf_tf import errors, types
from glf_tf.models import model
from glf_tf.priors import prior as prior_lib


class AbstractAutoencoder(model.GenerativeModel):
    """A model that draws a latent from its prior and decodes it.

    A concrete class sets the layers `encoder` and `decoder` and gives `prior`.
    """

    @property
    @abc.abstractmethod
    def prior(self) -> prior_lib.AbstractPrior:
        """The density that latents are drawn from."""

    @property
    @abc.abstractmethod
    def latent_dim(self) -> int:
        """Size of the latents."""

    @abc.abstractmethod
    def encode(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the latents of images: `[batch, latent_dim]`."""

    @abc.abstractmethod
    def decode(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the images of latents, in [0, 1]."""

    def call(self, image, training=False):
        """Returns `reconstruct(image)`, so that the model is a Keras model."""
        return self.decode(self.encode(image, training=training), training=training)

    def reconstruct(self, image: tf.Tensor) -> tf.Tensor:
        """Returns the decoded codes of images, in [0, 1]."""
        return self.decode(self.encode(image))

    def sample(
        self, n: int | tf.Tensor, *, seed: types.Seed, temperature: float = 1.0
    ) -> tf.Tensor:
        """Returns `n` images in [0, 1], decoded from latents drawn from the prior."""
        return self.decode(self.prior.sample(n, seed=seed, temperature=temperature))

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the prior's log-density of latents in nats, `[batch]`.

        It is a density of latents, not of images. Where nothing fixes the latents'
        scale, as in GLF, it can be compared between priors on the same latents only.
        """
        return self.prior.log_prob(z)

    def interpolate(
        self,
        start: tf.Tensor,
        end: tf.Tensor,
        *,
        num_steps: int | tf.Tensor,
        space: Literal["noise", "latent"] = "noise",
    ) -> tf.Tensor:
        """Returns the images on straight lines between latents.

        Args:
            start: Latents `[batch, latent_dim]`.
            end: Latents `[batch, latent_dim]`.
            num_steps: Points on each line, both ends included.
            space: Where the lines are straight: in the prior's noise, as in figure 2f
            of
                the GLF paper, or among the latents themselves.

        Returns:
            Images `[batch, num_steps, height, width, channels]`.

        Raises:
            Unsupported: The prior has no noise space.
        """
        if space == "noise":
            prior = self._noise_prior()
            start, end = prior.inverse(start), prior.inverse(end)
        weight = tf.linspace(0.0, 1.0, num_steps)[None, :, None]
        weight = tf.cast(weight, start.dtype)
        line = (1.0 - weight) * start[:, None] + weight * end[:, None]
        flat = tf.reshape(line, [-1, self.latent_dim])
        images = self.decode(self.prior.forward(flat) if space == "noise" else flat)
        return tf.reshape(images, [tf.shape(start)[0], num_steps, *self.image_shape])

    def _noise_prior(self) -> prior_lib.AbstractNoisePrior:
        if not isinstance(self.prior, prior_lib.AbstractNoisePrior):
            raise errors.Unsupported(
                "Interpolation in noise space needs a prior that is a map of noise",
                received=type(self.prior).__name__,
                do='Use space="latent"',
            )
        return self.prior
