# SPDX-License-Identifier: Apache-2.0
"""An affine map of each coordinate of vectors, or of each channel of images.

Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018, section
3.1. https://arxiv.org/abs/1807.03039
"""

__all__ = ["ActNorm", "LOG_SCALE_FACTOR", "of_batch", "small_start"]

from collections.abc import Sequence

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import step

tfb = tfp.bijectors

LOG_SCALE_FACTOR = 3.0
"""Factor on the learned logarithms, as in Glow's code, for faster learning."""


_LEAST_SIZE = 1e-6
"""Added to the size of a channel, as in Glow's code."""


def small_start() -> keras.initializers.Initializer:
    """Returns a new initialiser N(0, 0.05^2); a reused one would repeat its values."""
    return keras.initializers.RandomNormal(stddev=0.05)


@keras.saving.register_keras_serializable(package="glf_tf")
class ActNorm(step.AbstractFlowStep):
    """A shift, and a scale whose logarithm is three times a weight, as in Glow's code.

    Towards noise, along the last axis,

        eps = (x + shift) * exp(3 * log_scale)
        inverse_log_det_jacobian = sum(3 * log_scale) * number of pixels

    The parameters start from N(0, 0.05^2), as LFBM's do, until `start` sets them so
    that the noise of a batch has mean 0 and mean square 1 in each channel, as Glow's
    do. The batch is that of all devices: the released code has one of each process.
    """

    def __init__(self, event_shape: int | Sequence[int], **kwargs):
        """Initializes the step and its variables.

        Args:
            event_shape: Size of the vectors, or shape of the images.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(event_shape, **kwargs)
        self.shift = self.add_weight(
            name="shift", shape=(self.channels,), initializer=small_start()
        )
        self.log_scale = self.add_weight(
            name="log_scale", shape=(self.channels,), initializer=small_start()
        )
        self.built = True

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        del training
        log_scale = LOG_SCALE_FACTOR * tf.convert_to_tensor(self.log_scale)
        # Towards noise, the last bijector of a chain is applied first: here the shift.
        return tfb.Invert(
            tfb.Chain(
                [
                    tfb.ScaleMatvecDiag(tf.exp(log_scale)),
                    tfb.Shift(tf.convert_to_tensor(self.shift)),
                ],
                name="actnorm",
            )
        )

    def start(self, x: tf.Tensor) -> tf.Tensor:
        """Sets shift and scale by a batch, and returns its noise."""
        shift, log_scale = of_batch(x)
        self.shift.assign(shift)
        self.log_scale.assign(log_scale)
        return self.bijector().inverse(x)


def of_batch(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the shift, and a third of the log-scale, that standardise a batch.

    Args:
        x: `[..., channels]`.

    Returns:
        start: Both `[channels]`.
    """
    axes = list(range(x.shape.rank - 1))
    mean = tf.reduce_mean(x, axes)
    size = tf.sqrt(tf.reduce_mean(tf.square(x - mean), axes))
    return -mean, -tf.math.log(size + _LEAST_SIZE) / LOG_SCALE_FACTOR
