# SPDX-License-Identifier: Apache-2.0
"""Flow steps on images in levels, each of which factors out a part of the noise."""

__all__ = ["MultiScaleBijector"]

from collections.abc import Sequence

import tensorflow as tf

from glf_tf.bijectors import factor_out, one_pass, recomputing, step


class MultiScaleBijector(one_pass.OnePassBijector):
    """The bijector from flat noise to images.

    Towards noise, each step maps what is left of the image; a `FactorOut` makes a part
    of it noise, the last one all of it. The noise is one vector with the parts in that
    order, so that none can be lost: an image is got back from all of them alone.
    """

    def __init__(
        self,
        steps: Sequence[step.AbstractFlowStep | factor_out.FactorOut],
        *,
        training: bool = False,
        recomputes: bool = False,
        name: str = "multi_scale",
    ):
        """Initializes the bijector.

        Args:
            steps: From data to noise.
            training: Whether batch normalisation uses the batch's statistics.
            recomputes: Whether a gradient computes each step's inner values again,
                instead of keeping them.
            name: Name of the operations.
        """
        super().__init__(3, noise_ndims=1, name=name)
        self._steps, self._training = steps, training
        self._recomputes = recomputes

    def towards_noise(self, x):
        """Returns the noise of images, `[batch, size]`, and the log-determinant."""
        parts, log_dets = [], []
        for layer in self._steps:
            if _factors(layer):
                x, part, log_det = layer.towards_noise(x)
                parts.append(part)
            else:
                x, log_det = self._step_towards_noise(layer, x)
            log_dets.append(log_det)
        return tf.concat(parts, axis=-1), tf.add_n(log_dets)

    def towards_data(self, eps):
        """Returns the images of noise, and the log-determinant."""
        sizes = [layer.noise_dim for layer in self._steps if _factors(layer)]
        parts = tf.split(eps, sizes, axis=-1)
        x, log_dets = None, []
        for layer in reversed(self._steps):
            if _factors(layer):
                x, log_det = layer.towards_data(x, parts.pop())
            else:
                x, log_det = _step_towards_data(layer, x)
            log_dets.append(log_det)
        return x, tf.add_n(log_dets)

    def _step_towards_noise(self, layer, x):
        def apply(x):
            bijector = layer.bijector(training=self._training)
            eps = bijector.inverse(x)
            log_det = bijector.inverse_log_det_jacobian(x, event_ndims=3)
            return eps, log_det + tf.zeros([tf.shape(x)[0]], x.dtype)

        return recomputing.recomputed(apply)(x) if self._recomputes else apply(x)

    def _inverse_event_shape(self, shape):
        return tf.TensorShape([shape.num_elements()])

    def _inverse_event_shape_tensor(self, shape):
        return tf.reduce_prod(shape)[None]

    def _forward_event_shape(self, shape):
        del shape
        return tf.TensorShape(self._steps[0].event_shape)

    def _forward_event_shape_tensor(self, shape):
        del shape
        return tf.constant(self._steps[0].event_shape, tf.int32)


def _factors(layer) -> bool:
    return isinstance(layer, factor_out.FactorOut)


def _step_towards_data(layer, eps):
    bijector = layer.bijector()
    x = bijector.forward(eps)
    log_det = bijector.forward_log_det_jacobian(eps, event_ndims=3)
    return x, log_det + tf.zeros([tf.shape(x)[0]], x.dtype)
