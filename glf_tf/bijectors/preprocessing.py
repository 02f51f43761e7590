# SPDX-License-Identifier: Apache-2.0
"""The first step of a flow on images: from [0, 1] to numbers around zero.

Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2016, section 4.1.
https://arxiv.org/abs/1605.08803
"""

__all__ = ["Centre", "Logit"]

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import errors
from glf_tf.bijectors import one_pass, softplus, step

tfb = tfp.bijectors

_LEAST_ALPHA = 1e-7


@keras.saving.register_keras_serializable(package="glf_tf")
class Centre(step.AbstractFlowStep):
    """Towards noise, `y = x - 1/2`, as in Glow's code."""

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        del training
        return tfb.Shift(tf.constant(0.5, self.compute_dtype))


class _LogitBijector(one_pass.OnePassBijector):
    """Towards noise, `y = logit(alpha + (1 - 2 alpha) x)`."""

    def __init__(self, alpha: float, *, name: str = "logit"):
        super().__init__(3, name=name)
        self._alpha, self._width = alpha, 1.0 - 2.0 * alpha

    def towards_noise(self, x):
        """Returns the logits of images, and the log-determinant."""
        inner = self._alpha + self._width * x
        y = tf.math.log(inner) - tf.math.log1p(-inner)
        return y, self._log_det(y)

    def towards_data(self, eps):
        """Returns the images of logits, and the log-determinant."""
        x = (tf.sigmoid(eps) - self._alpha) / self._width
        return x, -self._log_det(eps)

    def _log_det(self, y: tf.Tensor) -> tf.Tensor:
        slope = softplus.softplus(y) + softplus.softplus(-y) + math.log(self._width)
        return tf.reduce_sum(slope, [1, 2, 3])


@keras.saving.register_keras_serializable(package="glf_tf")
class Logit(step.AbstractFlowStep):
    """Towards noise, `y = logit(alpha + (1 - 2 alpha) x)`.

    RealNVP's paper has an alpha of 0.05; the UvA's tutorial 0.5e-5.
    """

    def __init__(self, event_shape: Sequence[int], *, alpha: float = 0.05, **kwargs):
        """Initializes the step.

        Args:
            event_shape: (height, width, channels).
            alpha: How far from 0 and 1 the logit's arguments stay, in [1e-7, 1/2): less
                is lost beside 1 in float32.
            **kwargs: Keyword arguments of `keras.layers.Layer`.

        Raises:
            InvalidValue: `alpha` is out of range.
        """
        super().__init__(event_shape, **kwargs)
        if not _LEAST_ALPHA <= alpha < 0.5:
            raise errors.InvalidValue(
                "`alpha`, which keeps logits finite, must lie in [1e-7, 1/2)",
                received=f"alpha={alpha}",
                do="Use for instance 0.05",
            )
        self._alpha = float(alpha)
        self.built = True

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        del training
        return _LogitBijector(self._alpha)
