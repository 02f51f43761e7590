# SPDX-License-Identifier: Apache-2.0
"""The affine coupling of Glow, on vectors.

Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018, section
3.3 and the released code. https://arxiv.org/abs/1807.03039
"""

__all__ = ["GlowCoupling"]

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import actnorm, coupling, step

tfb = tfp.bijectors


@keras.saving.register_keras_serializable(package="glf_tf")
class GlowCoupling(step.AbstractFlowStep):
    """A coupling whose network normalises with `ActNorm`.

    Towards noise, with `c` the first half and `x` the second,

        h = relu(actnorm(W_0 c));  h = relu(actnorm(W_1 h))
        shift, raw = (W_2 h + b) * exp(3 * log_factor)
        x = (x + shift) * (0.001 + 0.999 * sigmoid(raw + 2))

    `W_2`, `b` and `log_factor` start at zero, so that the first scale is 0.881.

    Deviation: the released scale is the sigmoid alone. The map from noise divides by
        it, and two in ten thousand samples of a trained prior were not finite.
    """

    def __init__(self, event_dim: int, *, hidden: int = 64, **kwargs):
        """Initializes the coupling and its variables.

        Args:
            event_dim: Size of the vectors, at least 2; the first `event_dim // 2`
                coordinates are the first half.
            hidden: Width of the network.
            **kwargs: As in `AbstractFlowStep`.

        Raises:
            InvalidValue: `event_dim` is smaller than 2.
        """
        super().__init__(event_dim, **kwargs)
        first, second = coupling.halves(event_dim)
        with keras.name_scope(self.name):
            inputs = first + self.condition_dim
            self.hidden_0 = _Hidden(inputs, hidden, dtype=self.dtype, name="hidden_0")
            self.hidden_1 = _Hidden(hidden, hidden, dtype=self.dtype, name="hidden_1")
        outputs = 2 * second
        self.kernel = self._zeros("kernel", (hidden, outputs))
        self.bias = self._zeros("bias", (outputs,))
        self.log_factor = self._zeros("log_factor", (outputs,))
        self.built = True

    def bijector(
        self, *, training: bool = False, condition: tf.Tensor | None = None
    ) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        del training
        return coupling.CouplingBijector(
            lambda half: self._parameters(self.conditioned(half, condition)),
            split=self.event_dim // 2,
            transforms_first=False,
            shift_first=True,
        )

    def _zeros(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        return self.add_weight(name=name, shape=shape, initializer="zeros")

    def _parameters(self, given: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        hidden = self.hidden_1(self.hidden_0(given))
        outputs = tf.matmul(hidden, self.kernel) + self.bias
        outputs *= tf.exp(actnorm.LOG_SCALE_FACTOR * self.log_factor)
        shift, raw = tf.split(outputs, 2, axis=-1)
        return shift, coupling.log_sigmoid_scale(raw)


class _Hidden(keras.layers.Layer):
    """`relu((x @ kernel + shift) * exp(3 * log_scale))`, an `ActNorm` without density.

    Deviation: the count of the released code's weights shows a bias before this shift;
    their sum is one weight here.
    """

    def __init__(self, inputs: int, units: int, **kwargs):
        super().__init__(**kwargs)
        shapes = {
            "kernel": (inputs, units),
            "shift": (units,),
            "log_scale": (units,),
        }
        self.kernel, self.shift, self.log_scale = (
            self.add_weight(name=name, shape=shape, initializer=actnorm.small_start())
            for name, shape in shapes.items()
        )
        self.built = True

    def call(self, x):
        """Returns `[batch, units]`."""
        scale = tf.exp(actnorm.LOG_SCALE_FACTOR * self.log_scale)
        return tf.nn.relu((tf.matmul(x, self.kernel) + self.shift) * scale)
