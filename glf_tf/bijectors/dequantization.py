# SPDX-License-Identifier: Apache-2.0
"""Dequantisation: noise that makes a density of images with whole numbers finite.

Uria, Murray, Larochelle: RNADE, 2013. https://arxiv.org/abs/1306.0186
Ho, Chen, Srinivas, Duan, Abbeel: Flow++, 2019, section 3.1, on noise that is learned.
https://arxiv.org/abs/1902.00275
"""

__all__ = ["Uniform", "Variational"]

import keras
import numpy as np
import tensorflow as tf

from glf_tf import types
from glf_tf.bijectors import softplus
from glf_tf.bijectors.conditioners import gated


class Uniform(keras.layers.Layer):
    """Noise from U(0, 1), whatever the image.

    With it, `log p(level + u)` is in the mean a lower bound of the log-probability of
    the level (Theis, van den Oord, Bethge, 2016, section 3.1).
    """

    def __init__(self, **kwargs):
        """Initializes the layer, in full precision under any policy, as flows are."""
        super().__init__(**{"dtype": keras.config.floatx()} | kwargs)

    def draw(
        self, image: tf.Tensor, *, seed: types.Seed, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns noise in [0, 1), and its log-density given the image.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            seed: A stateless seed.
            training: Whether normalisation uses the batch's statistics.

        Returns:
            noise: Of the images' shape.
            log_prob: In nats, `[batch]`.
        """
        del training
        noise = tf.random.stateless_uniform(tf.shape(image), seed, dtype=image.dtype)
        return noise, tf.zeros([tf.shape(image)[0]], image.dtype)


class Variational(Uniform):
    """Noise whose density is a flow, given the image.

    The logits of noise from U(0, 1) pass couplings of a checkerboard, whose networks
    see the image as well, and a sigmoid. The bound on the log-probability becomes
    tighter by what the noise learns.
    """

    def __init__(
        self,
        image_shape: types.ImageShape,
        *,
        couplings: int = 4,
        hidden: int = 16,
        **kwargs,
    ):
        """Initializes the layer and its variables.

        Args:
            image_shape: (height, width, channels).
            couplings: Number of couplings.
            hidden: Width of their networks.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self._couplings = couplings
        height, width, channels = image_shape
        rows, columns = np.indices((height, width))
        self._parity = ((rows + columns) % 2)[..., None]
        with keras.name_scope(self.name):
            for index in range(couplings):
                network = gated.GatedConditioner(
                    (height, width, 2 * channels),
                    2 * channels,
                    hidden=hidden,
                    dtype=self.dtype_policy,
                    name=f"network_{index}",
                )
                # An attribute each: checkpoints do not track Keras' lists.
                setattr(self, f"network_{index}", network)
        self.stretch = self.add_weight(
            name="stretch", shape=(couplings, channels), initializer="zeros"
        )
        self.built = True

    def draw(self, image, *, seed, training=False):
        """Returns noise in (0, 1), and its log-density given the image."""
        uniform, _ = super().draw(image, seed=seed)
        tiny = np.finfo(image.dtype.as_numpy_dtype).eps
        uniform = tf.clip_by_value(uniform, tiny, 1.0 - tiny)
        y = tf.math.log(uniform) - tf.math.log1p(-uniform)
        log_prob = -_log_slope(y)
        for index in range(self._couplings):
            network = getattr(self, f"network_{index}")
            is_kept = tf.constant((self._parity + index) % 2, image.dtype)
            context = tf.concat([y * is_kept, 2.0 * image - 1.0], axis=-1)
            shift, raw = tf.split(network(context, training=training), 2, axis=-1)
            stretch = tf.exp(self.stretch[index])
            log_scale = tf.tanh(raw / stretch) * stretch * (1.0 - is_kept)
            y = (y + shift * (1.0 - is_kept)) * tf.exp(log_scale)
            log_prob -= tf.reduce_sum(log_scale, [1, 2, 3])
        return tf.sigmoid(y), log_prob + _log_slope(y)


def _log_slope(y: tf.Tensor) -> tf.Tensor:
    """Returns minus the log-determinant of the sigmoid of `y`, `[batch]`."""
    return tf.reduce_sum(softplus.softplus(y) + softplus.softplus(-y), [1, 2, 3])
