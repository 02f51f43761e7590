# SPDX-License-Identifier: Apache-2.0
"""What every reconstruction term is: how far an image is from what a decoder gives."""

__all__ = ["AbstractReconstruction"]

import abc

import keras
import tensorflow as tf

from glf_tf import types


class AbstractReconstruction(keras.layers.Layer, abc.ABC):
    """A loss between images and pixel logits; it may own parameters.

    Attributes:
        is_likelihood: Whether it is -log p(image | z) in nats, with every constant, so
            that bounds of a likelihood can be made of it.
    """

    is_likelihood = False

    def __init__(self, image_shape: types.ImageShape, **kwargs):
        """Initializes the term.

        Args:
            image_shape: (height, width, channels).
            **kwargs: Keras' own.
        """
        # Sums over pixels stay in full precision under a mixed-precision policy.
        kwargs["dtype"] = kwargs.get("dtype") or keras.config.floatx()
        kwargs.setdefault("name", "reconstruction")
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.built = True

    @abc.abstractmethod
    def call(self, image: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each image, `[batch]`.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            logits: Pixel logits of the same shape: `sigmoid(logits)` is the image.
        """
