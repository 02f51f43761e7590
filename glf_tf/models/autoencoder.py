# SPDX-License-Identifier: Apache-2.0
"""What models with an encoder, a decoder and a prior on latents have in common."""

__all__ = ["AbstractAutoencoder"]

import abc
from collections.abc import Mapping
from typing import Literal

import numpy as np
import tensorflow as tf

from glf_tf import catalogue, errors, types
from glf_tf.data import image_set, pipeline
from glf_tf.models import model, stages
from glf_tf.priors import prior as prior_lib

_AT_ONCE = 500


class AbstractAutoencoder(model.GenerativeModel):
    """A model that draws a latent from its prior and decodes it.

    It has an `encoder`, a `decoder` and a `reconstruction` term from the options
    `latent_dim`, `network` and `reconstruction`; a concrete class gives `prior`.
    """

    def __init__(self, *, arguments: Mapping[str, object], code_dim: int | None = None):
        """Initializes the model.

        Args:
            arguments: The arguments of the concrete constructor; see `GenerativeModel`.
            code_dim: Size of the encoder's output; `latent_dim` if it is None.

        Raises:
            InvalidValue: The latent size is not positive.
        """
        super().__init__(arguments=arguments)
        self.latent_dim = _checked_dim(arguments["latent_dim"])
        networks = catalogue.build("network", arguments["network"])
        self.encoder = networks.encoder(self.image_shape, code_dim or self.latent_dim)
        self.decoder = networks.decoder(self.latent_dim, self.image_shape)
        self.reconstruction = catalogue.build(
            "reconstruction", arguments["reconstruction"], image_shape=self.image_shape
        )

    @property
    @abc.abstractmethod
    def prior(self) -> prior_lib.AbstractPrior:
        """The density that latents are drawn from."""

    @property
    def autoencoder_group(self) -> stages.Group:
        """All that is learned by reconstruction, for one optimiser."""
        layers = (self.encoder, self.decoder, self.reconstruction)
        return stages.Group("autoencoder", layers=layers)

    def encode(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the latents of images: `[batch, latent_dim]`."""
        return self.encoder(image, training=training)

    def decode(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the images of latents, in [0, 1]."""
        logits = self.decoder(z, training=training)
        return tf.sigmoid(tf.cast(logits, tf.float32))

    def encode_all(self, data: image_set.ImageSet) -> np.ndarray:
        """Returns the latents of a whole set, `[size, latent_dim]`."""
        encode = tf.function(self.encode)
        batches = pipeline.evaluation_batches(data, batch_size=_AT_ONCE)
        return np.concatenate([encode(batch["image"]) for batch in batches])

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
                of the GLF paper, or among the latents themselves.

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


def _checked_dim(latent_dim: int) -> int:
    if latent_dim < 1:
        raise errors.InvalidValue(
            "`latent_dim`, the size of the latents, must be at least 1",
            received=f"latent_dim={latent_dim}",
            do="Use a positive latent size",
        )
    return latent_dim
