# SPDX-License-Identifier: Apache-2.0
"""Adapters that make users' encoders, decoders and critics fit our models."""

__all__ = ["Critic", "Decoder", "Encoder"]

from typing import Literal

import keras
import tensorflow as tf
from keras import layers

from glf_tf import errors, foreign, naming, types
from glf_tf.layers import endings

_LEAST = 1e-6
"""Minimum distance of pixels from 0 and 1 when logits are computed."""


class Encoder(layers.Layer):
    """A user's encoder, `[batch, *image_shape]` to `[batch, code_dim]`.

    A single output is used as it is. Two outputs are a posterior as in Keras' examples,
    means and log-variances, `[batch, latent_dim]` each: they become one output of means
    and log-scales, `[mean, log_variance / 2]`.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        *,
        image_shape: types.ImageShape,
        name: str = "encoder",
    ):
        """Initializes the encoder, and the layer's variables if it has none yet.

        Args:
            layer: A Keras layer or model.
            image_shape: (height, width, channels).
            name: Its role, under which the layer's variables are saved.

        Raises:
            InvalidValue: It does not accept such images, or has another output.
        """
        super().__init__(name=name, dtype=keras.config.floatx())
        self.layer = layer
        outputs = _outputs(layer, image_shape, role=name, takes="images")
        self._is_pair = isinstance(outputs, (list, tuple))
        shapes = _shapes(outputs)
        is_right = len(set(shapes)) == 1 and len(shapes) <= 2 and len(shapes[0]) == 2
        if not is_right or shapes[0][1] is None:
            raise errors.InvalidValue(
                "An encoder returns [batch, numbers], or two such outputs, means and "
                "log-variances",
                received=f"{type(layer).__name__} that returns "
                f"{_shown(shapes) or type(outputs).__name__}",
                do="End it with Flatten and Dense(latent_dim)",
            )
        self.code_dim = sum(shape[1] for shape in shapes)
        naming.adopt(layer, role=name)
        self.built = True

    @property
    def is_pair(self) -> bool:
        """Whether the layer has two outputs, means and log-variances."""
        return self._is_pair

    def call(self, image, training=False):
        """Returns the codes of images, `[batch, code_dim]`."""
        found = self.layer(image, training=training)
        if not self._is_pair:
            return tf.cast(found, self.compute_dtype)
        mean, log_variance = (tf.cast(output, self.compute_dtype) for output in found)
        return tf.concat([mean, 0.5 * log_variance], axis=-1)


class Critic(layers.Layer):
    """A user's critic, `[batch, *image_shape]` to scores `[batch, 1]`."""

    def __init__(
        self,
        layer: keras.layers.Layer,
        *,
        image_shape: types.ImageShape,
        name: str = "critic",
    ):
        """Initializes the critic, and the layer's variables if it has none yet.

        Args:
            layer: A Keras layer or model.
            image_shape: (height, width, channels).
            name: Its role, under which the layer's variables are saved.

        Raises:
            InvalidValue: It does not accept such images, or has another output.
        """
        super().__init__(name=name, dtype=keras.config.floatx())
        self.layer = layer
        found = _outputs(layer, image_shape, role=name, takes="images")
        shapes = _shapes(found)
        if shapes != [(None, 1)]:
            raise errors.InvalidValue(
                "A critic returns one score for an image, [batch, 1]",
                received=f"{type(layer).__name__} that returns "
                f"{_shown(shapes) or type(found).__name__}",
                do="End it with Flatten and Dense(1), or with GlobalAveragePooling2D",
            )
        naming.adopt(layer, role=name)
        self.built = True

    def call(self, image, training=False):
        """Returns the scores of images, `[batch, 1]`."""
        return tf.cast(self.layer(image, training=training), self.compute_dtype)


class Decoder(layers.Layer):
    """A user's decoder, `[batch, latent_dim]` to pixel logits.

    If it returns images in [0, 1], pixels are clipped to [1e-6, 1 - 1e-6] for the
    logits.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        *,
        latent_dim: int,
        image_shape: types.ImageShape,
        output: Literal["auto", "logits", "images"] = "auto",
        name: str = "decoder",
    ):
        """Initializes the decoder, and the layer's variables if it has none yet.

        Args:
            layer: A Keras layer or model.
            latent_dim: Size of the latents.
            image_shape: (height, width, channels).
            output: The kind of the layer's output; see `endings` for "auto".
            name: Its role, under which the layer's variables are saved.

        Raises:
            InvalidValue: It does not accept such latents, has another output, or does
                not show which output it has.
        """
        super().__init__(name=name, dtype=keras.config.floatx())
        self.layer = layer
        found = _outputs(layer, (latent_dim,), role=name, takes="latents")
        shapes = [] if isinstance(found, (list, tuple)) else _shapes(found)
        if not shapes or shapes[0][1:] != tuple(image_shape):
            raise errors.InvalidValue(
                f"A decoder returns images [batch, {_shown([tuple(image_shape)])[1:]}",
                received=f"{type(layer).__name__} that returns "
                f"{_shown(shapes) or type(found).__name__}",
                do=f"End it with Reshape({tuple(image_shape)})",
            )
        self._gives_images = endings.settled(output, layer, latent_dim=latent_dim)
        naming.adopt(layer, role=name)
        self.built = True

    def call(self, z, training=False):
        """Returns pixel logits, `[batch, height, width, channels]`."""
        found = tf.cast(self.layer(z, training=training), self.compute_dtype)
        if not self._gives_images:
            return found
        pixels = tf.clip_by_value(found, _LEAST, 1.0 - _LEAST)
        return tf.math.log(pixels) - tf.math.log1p(-pixels)


def _outputs(
    layer: keras.layers.Layer, shape: tuple[int, ...], *, role: str, takes: str
):
    """Returns a layer's symbolic output for a batch, and thereby builds it.

    Raises:
        InvalidValue: It cannot be called with such inputs.
    """
    given = keras.KerasTensor((None, *shape), dtype=keras.config.floatx())
    try:
        # The scope gives every new variable a unique path.
        with keras.name_scope(role):
            return layer(given, training=False)
    except Exception as error:
        raise errors.InvalidValue(
            f"The {role} must accept {takes} {_shown([(None, *shape)])}",
            received=f"{type(layer).__name__}: {foreign.reason(error)}",
            do="Pass a layer that accepts them",
        ) from error


def _shapes(outputs) -> list[tuple]:
    """Returns the shapes of one output or several; empty if some are no tensors."""
    found = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    if not all(isinstance(output, keras.KerasTensor) for output in found):
        return []
    return [tuple(output.shape) for output in found]


def _shown(shapes: list[tuple]) -> str:
    """Returns shapes as text, such as "[batch, 28, 28, 1]"."""
    sizes = [
        ["batch" if size is None else str(size) for size in shape] for shape in shapes
    ]
    return " and ".join(f"[{', '.join(size)}]" for size in sizes)
