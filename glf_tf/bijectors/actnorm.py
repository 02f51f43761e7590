# SPDX-License-Identifier: Apache-2.0
"""An affine map of each coordinate.

Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018, section
3.1. https://arxiv.org/abs/1807.03039
"""

__all__ = ["ActNorm", "LOG_SCALE_FACTOR", "small_start"]

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import step

tfb = tfp.bijectors

LOG_SCALE_FACTOR = 3.0
"""Factor on the learned logarithms, as in Glow's code, for faster learning."""


def small_start() -> keras.initializers.Initializer:
    """Returns a new initialiser N(0, 0.05^2); a reused one would repeat its values."""
    return keras.initializers.RandomNormal(stddev=0.05)


@keras.saving.register_keras_serializable(package="glf_tf")
class ActNorm(step.AbstractFlowStep):
    """A shift, and a scale whose logarithm is three times a weight, as in Glow's code.

    Towards noise,

        eps = (z + shift) * exp(3 * log_scale)
        inverse_log_det_jacobian = sum(3 * log_scale)

    Deviation: the parameters start from N(0, 0.05^2), as LFBM's do, and not from the
    mean and deviation of the first batch, as Glow's do.
    """

    def __init__(self, event_dim: int, **kwargs):
        """Initializes the step and its variables.

        Args:
            event_dim: Size of the vectors.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(event_dim, **kwargs)
        self.shift = self.add_weight(
            name="shift", shape=(event_dim,), initializer=small_start()
        )
        self.log_scale = self.add_weight(
            name="log_scale", shape=(event_dim,), initializer=small_start()
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
                ]
            )
        )
