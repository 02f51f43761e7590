# SPDX-License-Identifier: Apache-2.0
"""What models with latents can do: decode them, and encode images to them."""

__all__ = ["DecodesLatents", "EncodesImages", "lines"]

import abc
from typing import Literal

import tensorflow as tf

from glf_tf import errors
from glf_tf.models import inputs, numeric_inputs
from glf_tf.priors import prior as prior_lib


def lines(start: tf.Tensor, end: tf.Tensor, *, num_steps: int | tf.Tensor) -> tf.Tensor:
    """Returns points on straight lines, `[batch, num_steps, size]`.

    Args:
        start: `[batch or 1, size]`.
        end: `[batch or 1, size]`.
        num_steps: Number of points on each line, including both ends.
    """
    weight = tf.cast(tf.linspace(0.0, 1.0, num_steps), start.dtype)[None, :, None]
    return (1.0 - weight) * start[:, None] + weight * tf.cast(end, start.dtype)[:, None]


class DecodesLatents(abc.ABC):
    """A model of `image_shape` that decodes latents of `latent_dim` numbers."""

    @property
    @abc.abstractmethod
    def prior(self) -> prior_lib.AbstractPrior:
        """The density that latents are drawn from."""

    def decode(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the images of latents, in [0, 1].

        Raises:
            InvalidType: The latents are not floats.
            InvalidValue: They are not `[batch, latent_dim]`, or not finite.
        """
        return self._decode(inputs.latents(z, dim=self.latent_dim), training=training)

    @abc.abstractmethod
    def _decode(self, z: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Computes `decode` without checks."""

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
            num_steps: Number of points on each line, including both ends.
            space: The space of the lines: the prior's noise, as in figure 2f of the GLF
                paper, or the latents.

        Returns:
            Images `[batch, num_steps, height, width, channels]`.

        Raises:
            InvalidType: The latents are not floats.
            InvalidValue: They are not `[batch, latent_dim]`, or not finite; or
                `num_steps` or `space` is invalid.
            Unsupported: The prior has no noise space.
        """
        numeric_inputs.steps(num_steps)
        numeric_inputs.space(space)
        start, end = (
            inputs.latents(point, dim=self.latent_dim) for point in (start, end)
        )
        inputs.same_batch(starts=start, ends=end)
        if space == "noise":
            prior = self._noise_prior()
            start, end = prior.inverse(start), prior.inverse(end)
        line = lines(start, end, num_steps=num_steps)
        flat = tf.reshape(line, [-1, self.latent_dim])
        images = self._decode(self.prior.forward(flat) if space == "noise" else flat)
        return tf.reshape(images, [tf.shape(line)[0], num_steps, *self.image_shape])

    def _noise_prior(self) -> prior_lib.AbstractNoisePrior:
        if not self.prior.has_noise_space:
            given = f" given one of {self.prior.num_classes} labels"
            raise errors.Unsupported(
                "Interpolation in noise space needs a prior that is a map of noise",
                received=type(self.prior).__name__ + given * (self.num_classes > 0),
                do='Use space="latent", or --space=latent of the tool',
            )
        return self.prior


class EncodesImages(DecodesLatents):
    """A model that has a latent for each image, too."""

    @abc.abstractmethod
    def encode(self, image: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Returns the latents of images: `[batch, latent_dim]`.

        Raises:
            InvalidType: The images are not floats.
            InvalidValue: They have another shape than the model's, or values outside
                of [0, 1], or NaN.
        """

    def reconstruct(self, image: tf.Tensor) -> tf.Tensor:
        """Returns the decoded latents of images, in [0, 1]; raises as `encode`."""
        return self._decode(self.encode(image))
