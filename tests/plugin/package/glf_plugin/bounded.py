# SPDX-License-Identifier: Apache-2.0
"""A Generative Latent Flow whose latents stay in a cube."""

__all__ = ["Bounded"]

import keras
import tensorflow as tf

from glf_tf import types
from glf_tf.models import glf


@keras.saving.register_keras_serializable(package="glf_plugin")
class Bounded(glf.GLF):
    """GLF with latents `limit * tanh(E(x) / limit)`.

    Args:
        image_shape: (height, width, channels).
        limit: The largest coordinate of a latent.
        **kwargs: Those of `GLF`.
    """

    def __init__(self, image_shape: types.ImageShape, *, limit: float = 3.0, **kwargs):
        super().__init__(image_shape, **kwargs)
        self.limit = limit

    def _encode(self, image, *, training=False):
        """Returns the bounded latents of images, `[batch, latent_dim]`."""
        z = super()._encode(image, training=training)
        return self.limit * tf.tanh(z / self.limit)
