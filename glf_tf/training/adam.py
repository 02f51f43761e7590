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
    """  # noqa: E501

    def __init__(self, learning_rate=1e-3, *, l2: float = 0.0, **kwargs):
        """Initializes the optimiser.

        Args:
            learning_rate: A number or a Keras schedule.
            l2: Weight of the squared norm, halved, in the loss.
            **kwargs: As in `keras.optimizers.Adam`.
        """
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable."""
        index = self._get_variable_index(variable)
        variable = variable.value if _is_keras(variable) else variable
        dtype = variable.dtype
        gradient = tf.cast(tf.convert_to_tensor(gradient), dtype)
        if self.l2:
            gradient += tf.cast(self.l2, dtype) * variable
        time = tf.cast(self.iterations.value + 1, dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(beta_1, time),
            beta2_power=tf.pow(beta_2, time),
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, dtype),
            grad=gradient,
        )

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "l2": self.l2}


def _is_keras(variable) -> bool:
    return isinstance(variable, keras.Variable)
