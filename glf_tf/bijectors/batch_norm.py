# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation of the half of images that a coupling has transformed.

Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2016, section 3.7 and
appendix E. https://arxiv.org/abs/1605.08803
"""

__all__ = ["BatchNormStep"]

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import halves, one_pass, step
from glf_tf.layers import normalization, replicas

tfb = tfp.bijectors

_Moments = tuple[tf.Tensor, tf.Tensor]

_EPSILON = 1e-4
"""Added to the variance, as in the released code."""

_MOMENTUM = 0.9


class _BatchNormBijector(one_pass.OnePassBijector):
    """Towards noise, `x -> (x + shift) * exp(log_scale)`; back by other moments.

    The functions return shift and log-scale, which broadcast to images.
    """

    def __init__(
        self,
        of_data: Callable[[tf.Tensor], _Moments],
        of_noise: Callable[[], _Moments],
        *,
        event_shape: Sequence[int],
        name: str = "batch_norm",
    ):
        super().__init__(3, name=name)
        self._of_data, self._of_noise = of_data, of_noise
        self._event_shape = event_shape

    def towards_noise(self, x):
        """Returns the noise of images, and the log-determinant."""
        shift, log_scale = self._of_data(x)
        return (x + shift) * tf.exp(log_scale), self._summed(log_scale)

    def towards_data(self, eps):
        """Returns the images of noise, and the log-determinant."""
        shift, log_scale = self._of_noise()
        return eps * tf.exp(-log_scale) - shift, -self._summed(log_scale)

    def _summed(self, log_scale: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.broadcast_to(log_scale, self._event_shape))


@keras.saving.register_keras_serializable(package="glf_tf")
class BatchNormStep(replicas.Joined, step.AbstractFlowStep):
    """Towards noise, the transformed half has mean 0 and variance 1 in each channel.

        eps = (x - mean) / sqrt(variance + 1e-4)

    In training the moments are `averaging * moving average + (1 - averaging) * moments
    of the batch`, of all devices; else, and towards data, the moving averages. Hence a
    round trip needs a flow that is not training.

    Deviation: the moments are of the transformed half alone. The released code includes
    the zeros in place of the kept half, which about halves mean and variance.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        masking: halves.Masking = "channels",
        transforms: halves.Half = "second",
        averaging: float = 0.0,
        **kwargs,
    ):
        """Initializes the step and its moving averages.

        Args:
            event_shape: (height, width, channels).
            masking: What a half is.
            transforms: The half that is normalised.
            averaging: Weight of the moving averages in training, from 0 to below 1; the
                paper proposes it for small batches, its code has 0.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(event_shape, **kwargs)
        self._averaging, self.momentum = averaging, _MOMENTUM
        self._halves = halves.Halves(self.event_shape, masking=masking, half=transforms)
        self.moving_mean, self.moving_variance = (
            self.add_weight(
                name=name,
                shape=(self._halves.channels,),
                initializer=initializer,
                trainable=False,
                autocast=False,
            )
            for name, initializer in (
                ("moving_mean", "zeros"),
                ("moving_variance", "ones"),
            )
        )
        self.built = True

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""

        def of_averages(x=None):
            del x
            return self._affine(*self._averages())

        of_data = self._of_batch if training else of_averages
        return _BatchNormBijector(of_data, of_averages, event_shape=self.event_shape)

    def start(self, x: tf.Tensor) -> tf.Tensor:
        """Sets the moving averages to a batch's moments, and returns its noise."""
        mean, variance = self._halves.moments(x)
        self.moving_mean.assign(mean)
        self.moving_variance.assign(variance)
        return self.bijector().inverse(x)

    def _averages(self) -> _Moments:
        averages = self.moving_mean, self.moving_variance
        return tuple(tf.convert_to_tensor(average) for average in averages)

    def _of_batch(self, x: tf.Tensor) -> _Moments:
        """Returns shift and log-scale in training, and moves the averages."""
        moments = normalization.over_replicas(*self._halves.moments(x))
        used = []
        averages = zip((self.moving_mean, self.moving_variance), moments, strict=True)
        for average, moment in averages:
            old = tf.convert_to_tensor(average)
            used.append(self._averaging * old + (1.0 - self._averaging) * moment)
            average.assign(self.momentum * old + (1.0 - self.momentum) * moment)
        return self._affine(*used)

    def _affine(self, mean: tf.Tensor, variance: tf.Tensor) -> _Moments:
        log_scale = -0.5 * tf.math.log(variance + _EPSILON)
        return self._halves.padded(-mean), self._halves.padded(log_scale)
