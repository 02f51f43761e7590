# SPDX-License-Identifier: Apache-2.0
"""The base classes of reconstruction terms, losses of images and decoder outputs."""

__all__ = ["AbstractReconstruction", "AbstractPixelwise"]

import abc

import keras
import tensorflow as tf

from glf_tf import errors, parts, types


class AbstractReconstruction(parts.Part, keras.layers.Layer, abc.ABC):
    """A loss between images and pixel logits, which may have parameters.

    Attributes:
        is_likelihood: Whether it is -log p(image | z) in nats, including constants, so
            that it gives bounds of the likelihood.
    """

    part_kind = "reconstruction"
    is_likelihood = False

    def __init__(self, image_shape: types.ImageShape, **kwargs):
        """Initializes the term.

        Args:
            image_shape: (height, width, channels).
            **kwargs: Keyword arguments of `keras.layers.Layer`.
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
            logits: Pixel logits `[batch, height, width, channels]`: `sigmoid(logits)`
                is the image.
        """

    def prepare(self) -> None:
        """Reads what it needs beside images, before anything is trained.

        Raises:
            NotFound: A file is missing.
            InvalidValue: What is in it does not fit the images or the options.
        """

    def learned_layers(self) -> tuple[keras.layers.Layer, ...]:
        """Returns the layers that learn together with what reconstructs."""
        # No property: Keras looks for layers to be saved in what properties return.
        return (self,)

    def terms(
        self, image: tf.Tensor, logits: tf.Tensor, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns "reconstruction", `[batch]`, and what else a term is made of.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            logits: Pixel logits `[batch, height, width, channels]`.
            seed: A stateless seed, for terms that draw numbers.
            training: Whether they draw them.
        """
        del seed, training  # no randomness
        return {"reconstruction": self(image, logits)}

    def of_visible(
        self, image: tf.Tensor, logits: tf.Tensor, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the loss of visible pixels, `[batch]`.

        Args:
            image: `[batch, height, width, channels]`; hidden pixels may have any finite
                value.
            logits: Pixel logits `[batch, height, width, channels]`.
            mask: 1 for visible pixels and 0 for hidden ones, `[batch, height, width,
                1]` or of another shape that broadcasts to the images; None if all are
                visible.

        Raises:
            Unsupported: There is a mask, and the loss is not a sum over pixels.
        """
        if mask is None:
            return self(image, logits)
        if not isinstance(self, AbstractPixelwise):
            raise errors.Unsupported(
                "A loss of visible pixels alone must be a sum over pixels",
                received=f"a mask for the reconstruction term {type(self).__name__}",
                do="Use for instance --reconstruction=signed_gaussian",
            )
        # Cast as a call of the layer does.
        image, logits = (tf.cast(x, self.compute_dtype) for x in (image, logits))
        values = self.of_pixels(image, logits)
        return tf.reduce_sum(tf.cast(mask, values.dtype) * values, axis=[1, 2, 3])


class AbstractPixelwise(AbstractReconstruction):
    """A loss that is a sum over pixels."""

    @abc.abstractmethod
    def of_pixels(self, image: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each pixel, `[batch, height, width, channels]`."""

    def call(self, image, logits):
        """Returns the loss of each image, `[batch]`."""
        return tf.reduce_sum(self.of_pixels(image, logits), axis=[1, 2, 3])
