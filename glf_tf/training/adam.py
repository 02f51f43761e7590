# SPDX-License-Identifier: Apache-2.0
"""Adam in one fused operation a variable, with the weight decay that the papers mean.

Kingma, Ba: Adam: A Method for Stochastic Optimization, 2014.
https://arxiv.org/abs/1412.6980
"""

__all__ = ["Adam"]

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="glf_tf")
class Adam(keras.optimizers.Adam):
    """Adam with coupled L2 regularisation, in TensorFlow's fused kernel.

        g = gradient + l2 * variable
        m = beta_1 * m + (1 - beta_1) * g;  v = beta_2 * v + (1 - beta_2) * g^2
        variable -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    `l2` is what PyTorch's Adam calls `weight_decay`. Keras' argument of that name is the
    decoupled one, which is another method.

    With `scales_loss` it also holds a factor for the loss, so that small gradients do
    not vanish in float16: halved when a gradient overflows, and doubled after 2,000
    steps in which none did. A step whose gradients are not finite is left out.
    Reference: Micikevicius et al.: Mixed Precision Training, 2017,
    https://arxiv.org/abs/1710.03740
    """  # noqa: E501

    def __init__(
        self,
        learning_rate=1e-3,
        *,
        l2: float = 0.0,
        scales_loss: bool = False,
        **kwargs,
    ):
        """Initializes the optimiser.

        Args:
            learning_rate: A number or a Keras schedule.
            l2: Weight of the squared norm, halved, in the loss.
            scales_loss: Whether gradients are those of the loss times `loss_factor`.
            **kwargs: As in `keras.optimizers.Adam`.
        """
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.l2, self.scales_loss = l2, scales_loss

    def build(self, variables):
        """Creates all variables."""
        if self.scales_loss and not self.built:
            self.loss_factor = self._add_number("loss_factor", _FIRST_FACTOR)
            self.finite_steps = self._add_number("finite_steps", 0.0)
        super().build(variables)

    def _add_number(self, name: str, value: float):
        return self.add_variable(
            shape=(),
            initializer=keras.initializers.Constant(value),
            dtype="float32",
            aggregation="only_first_replica",
            name=name,
        )

    def adapt_loss_factor(self, is_finite: tf.Tensor) -> None:
        """Notes whether the gradients of the last step were finite, `[]`.

        `update_step` left every variable as it was where they were not.
        """
        counted = tf.cast(is_finite, self.iterations.dtype)
        self.iterations.assign(tf.convert_to_tensor(self.iterations) - 1 + counted)
        factor = tf.convert_to_tensor(self.loss_factor)
        steps = tf.where(is_finite, tf.convert_to_tensor(self.finite_steps) + 1.0, 0.0)
        is_time = steps >= _STEPS_TO_DOUBLE
        grown = tf.where(is_time, tf.minimum(2.0 * factor, _LARGEST_FACTOR), factor)
        halved = tf.maximum(factor / 2.0, 1.0)
        self.loss_factor.assign(tf.where(is_finite, grown, halved))
        self.finite_steps.assign(tf.where(is_time, 0.0, steps))

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        # Once for all variables: a small model has more of them than arithmetic.
        time = tf.cast(self.iterations.value + 1, tf.float32)
        powers = [tf.pow(float(beta), time) for beta in (self.beta_1, self.beta_2)]
        rates = (tf.cast(learning_rate, tf.float32), *powers)
        super()._backend_update_step(grads, trainable_variables, rates)

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable.

        Args:
            gradient: Its gradient.
            variable: The variable.
            learning_rate: Of this step, and the powers of `beta_1` and `beta_2`.
        """
        index = self._get_variable_index(variable)
        variable = variable.value if _is_keras(variable) else variable
        dtype = variable.dtype
        gradient = tf.cast(tf.convert_to_tensor(gradient), dtype)
        if self.l2:
            gradient += tf.cast(self.l2, dtype) * variable
        rate, power_1, power_2 = (tf.cast(one, dtype) for one in learning_rate)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        if self.scales_loss:
            is_finite = tf.reduce_all(tf.math.is_finite(gradient))
            gradient = tf.where(is_finite, gradient, 0.0)
            beta_1 = tf.where(is_finite, beta_1, 1.0)
            beta_2 = tf.where(is_finite, beta_2, 1.0)
            rate = tf.where(is_finite, rate, 0.0)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=power_1,
            beta2_power=power_2,
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, dtype),
            grad=gradient,
        )

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "l2": self.l2,
            "scales_loss": self.scales_loss,
        }


_FIRST_FACTOR, _LARGEST_FACTOR = 2.0**15, 2.0**24
_STEPS_TO_DOUBLE = 2000.0


def _is_keras(variable) -> bool:
    return isinstance(variable, keras.Variable)
