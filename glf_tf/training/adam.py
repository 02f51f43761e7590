# SPDX-License-Identifier: Apache-2.0
"""Adam as one fused operation per variable, with coupled weight decay.

Kingma, Ba: Adam: A Method for Stochastic Optimization, 2014.
https://arxiv.org/abs/1412.6980
"""

__all__ = ["Adam"]

import keras
import tensorflow as tf

from glf_tf.training import coupled


@keras.saving.register_keras_serializable(package="glf_tf")
class Adam(coupled.Coupled, keras.optimizers.Adam):
    """Adam with coupled L2 regularisation, in TensorFlow's fused kernel.

        g = gradient + l2 * variable
        m = beta_1 * m + (1 - beta_1) * g;  v = beta_2 * v + (1 - beta_2) * g^2
        variable -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    With `beta_2_end`, beta_2 follows a cosine to it in `curve_steps`, and `beta_2^t` is
    the power of its present value, as in R3GAN's code.

    See `coupled.Coupled` for all other arguments.
    """  # noqa: E501

    def __init__(
        self, learning_rate=1e-3, *, beta_2: float = 0.999, beta_2_end=0.0, **kwargs
    ):
        """Initializes the optimiser.

        Args:
            learning_rate: A number or a Keras schedule.
            beta_2: Decay of the second moment, at first.
            beta_2_end: The same from `curve_steps` on; 0 for `beta_2`.
            **kwargs: Keyword arguments of `coupled.Coupled` and Keras' Adam.
        """
        super().__init__(learning_rate, beta_2=beta_2, **kwargs)
        self.beta_2_end = beta_2_end

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        # Once for all variables: in small models this overhead dominates.
        time = tf.cast(self.iterations.value + 1, tf.float32)
        betas = (float(self.beta_1), self._beta_2_now())
        powers = [tf.pow(beta, time) for beta in betas]
        rates = (tf.cast(learning_rate, tf.float32), *powers, betas[1])
        super()._backend_update_step(grads, trainable_variables, rates)

    def _beta_2_now(self) -> float | tf.Tensor:
        """Returns beta_2 in this step."""
        if not self.beta_2_end:
            return float(self.beta_2)
        return self._moved(float(self.beta_2), self.beta_2_end)

    def update_variable(self, gradient, variable, learning_rate, is_finite):
        """Updates one variable.

        Args:
            gradient: Its gradient, of the variable's shape `[...]`, with L2, and 0 if
                it is not finite.
            variable: The variable.
            learning_rate: The learning rate, the powers of `beta_1` and `beta_2`, and
                `beta_2`.
            is_finite: Whether the gradient was finite, `[]`; None for always.
        """
        index = self._get_variable_index(variable)
        dtype = variable.dtype
        rate, power_1, power_2, beta_2 = (
            tf.cast(value, dtype) for value in learning_rate
        )
        beta_1 = tf.cast(self.beta_1, dtype)
        if is_finite is not None:
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
        return {**super().get_config(), "beta_2_end": self.beta_2_end}
