# SPDX-License-Identifier: Apache-2.0
"""Standardisation of vectors as a step of a flow, saved and inverted with it."""

__all__ = ["Standardize"]

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import step

tfb = tfp.bijectors


@keras.saving.register_keras_serializable(package="glf_tf")
class Standardize(step.AbstractFlowStep):
    """Towards noise, `eps = (x - mean) / deviation` of each coordinate.

    `start` sets both from data; they do not train. Until then it is the identity. A
    coordinate that is constant in the data has a deviation of 1.
    """

    def __init__(self, event_dim: int, **kwargs):
        """Initializes the step and its weights.

        Args:
            event_dim: Size of the vectors.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(event_dim, **kwargs)
        self.mean, self.deviation = (
            self.add_weight(
                name=name,
                shape=(event_dim,),
                initializer=initializer,
                trainable=False,
                autocast=False,
            )
            for name, initializer in (("mean", "zeros"), ("deviation", "ones"))
        )
        self.built = True

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        del training
        shift = tfb.Shift(tf.convert_to_tensor(self.mean))
        scale = tfb.ScaleMatvecDiag(tf.convert_to_tensor(self.deviation))
        return tfb.Chain([shift, scale], name="standardize")

    def start(self, x: tf.Tensor) -> tf.Tensor:
        """Sets mean and deviation to those of data, and returns its noise."""
        # In double precision, in which sums of equal numbers are exact enough to tell
        # that a column is constant.
        wide = tf.cast(x, tf.float64)
        mean = tf.reduce_mean(wide, axis=0)
        deviation = tf.sqrt(tf.reduce_mean(tf.square(wide - mean), axis=0))
        rounding = np.finfo(np.float32).eps * tf.abs(mean) + np.finfo(np.float32).tiny
        deviation = tf.where(deviation > rounding, deviation, 1.0)
        self.mean.assign(tf.cast(mean, self.mean.dtype))
        self.deviation.assign(tf.cast(deviation, self.deviation.dtype))
        return self.bijector().inverse(x)
