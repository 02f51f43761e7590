# SPDX-License-Identifier: Apache-2.0
"""A mix-in of all optimisers: L2, a loss factor, and averages of weights."""

__all__ = ["Coupled", "Adamax", "RMSprop", "SGD"]

import keras
import tensorflow as tf

from glf_tf.training import schedule


class Coupled:
    """Adds coupled L2, a loss factor and averages of variables to a Keras optimiser.

        gradient += l2 * variable
        average = decay * average + (1 - decay) * variable
        decay = min(ema_decay, (1 + step) / (10 + step)),  step = 0, 1, ...

    `l2` is PyTorch's `weight_decay`; Keras' argument of that name is decoupled.
    Averages start with the variables after the first step, and forget them early, as in
    `tf.train.ExponentialMovingAverage`. Keras' own averages cannot be assigned in
    replicas. With `ema_start` their half-life follows a cosine, from
    that share of its final value: `decay(step) = ema_decay^(1 / share(step))`. At a
    share of 0 the average is the variable.

    With `scales_loss` it also has a loss factor, so that small gradients do not vanish
    in float16: it is halved if a gradient overflows, and doubled after 2,000 steps
    without overflow. Steps with non-finite gradients are skipped. Reference:
    Micikevicius et al.: Mixed Precision Training, 2017,
    https://arxiv.org/abs/1710.03740
    """

    def __init__(
        self,
        learning_rate=1e-3,
        *,
        l2: float = 0.0,
        scales_loss: bool = False,
        ema_decay: float = 0.0,
        ema_start: float = 1.0,
        curve_steps: int = 1,
        **kwargs,
    ):
        """Initializes the optimiser.

        Args:
            learning_rate: A number or a Keras schedule.
            l2: Weight of the squared norm, halved, in the loss.
            scales_loss: Whether gradients are those of the loss times `loss_factor`.
            ema_decay: Decay of the averages of the variables; 0 for none.
            ema_start: Half-life of the averages at the start, relative to that of
                `ema_decay`; 1 for a constant one.
            curve_steps: Steps in which it, and other numbers, reach their ends.
            **kwargs: Keyword arguments of the Keras optimiser.
        """
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.l2, self.scales_loss = l2, scales_loss
        self.ema_decay, self.averages = ema_decay, []
        self.ema_start, self.curve_steps = ema_start, curve_steps

    def build(self, variables):
        """Creates all variables."""
        if self.scales_loss and not self.built:
            self.loss_factor = self._add_number("loss_factor", _FIRST_FACTOR)
            self.finite_steps = self._add_number("finite_steps", 0.0)
        is_built = self.built
        super().build(variables)
        if self.ema_decay and not is_built:
            self.averages = self.add_optimizer_variables(variables, "average")

    def add_averages(self, variables) -> None:
        """Adds averages that no step updates, after those of the variables."""
        if variables:
            self.averages += self.add_optimizer_variables(variables, "average")

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

        `update_step` does not change variables if they are not.
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

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable, and its average.

        Args:
            gradient: Its gradient, of the variable's shape `[...]`.
            variable: The variable.
            learning_rate: The learning rate of this step.
        """
        variable = variable.value if isinstance(variable, keras.Variable) else variable
        gradient = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        if self.l2:
            gradient += tf.cast(self.l2, variable.dtype) * variable
        is_finite = None
        if self.scales_loss:
            is_finite = tf.reduce_all(tf.math.is_finite(gradient))
            gradient = tf.where(is_finite, gradient, 0.0)
        self.update_variable(gradient, variable, learning_rate, is_finite)
        if self.ema_decay:
            self._update_average(variable, is_finite)

    def update_variable(self, gradient, variable, learning_rate, is_finite):
        """Updates one variable by the rule of the Keras optimiser.

        Args:
            gradient: Its gradient, of the variable's shape `[...]`, with L2, and 0 if
                it is not finite.
            variable: The variable.
            learning_rate: The learning rate of this step.
            is_finite: Whether the gradient was finite, `[]`; None for always.
        """
        if is_finite is None:
            super().update_step(gradient, variable, learning_rate)
            return

        def step():
            super(Coupled, self).update_step(gradient, variable, learning_rate)
            return tf.constant(0)

        tf.cond(is_finite, step, lambda: tf.constant(0))

    def _update_average(self, variable, is_finite):
        average = self.averages[self._get_variable_index(variable)].value
        is_first = tf.equal(tf.convert_to_tensor(self.iterations), 0)
        share = tf.where(is_first, 1.0, 1.0 - self._decay_now())
        if is_finite is not None:
            share = tf.where(is_finite, share, 0.0)
        average.assign_add(tf.cast(share, average.dtype) * (variable - average))

    def _decay_now(self) -> tf.Tensor:
        """Returns the decay of averages in this step."""
        step = tf.cast(tf.convert_to_tensor(self.iterations), tf.float32)
        early = (1.0 + step) / (10.0 + step)
        if self.ema_start == 1.0:
            return tf.minimum(self.ema_decay, early)
        half_life = tf.maximum(self._moved(self.ema_start, 1.0), _SHORTEST)
        return tf.minimum(tf.pow(self.ema_decay, 1.0 / half_life), early)

    def _moved(self, start: float, end: float) -> tf.Tensor:
        """Returns a number that follows a cosine in `curve_steps`, float32."""
        steps = max(1, self.curve_steps)
        return schedule.Cosine(start, end, steps)(tf.convert_to_tensor(self.iterations))

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "l2": self.l2,
            "scales_loss": self.scales_loss,
            "ema_decay": self.ema_decay,
            "ema_start": self.ema_start,
            "curve_steps": self.curve_steps,
        }


@keras.saving.register_keras_serializable(package="glf_tf")
class Adamax(Coupled, keras.optimizers.Adamax):
    """Keras' Adamax: Adam with the infinity norm instead of the second moment."""


@keras.saving.register_keras_serializable(package="glf_tf")
class RMSprop(Coupled, keras.optimizers.RMSprop):
    """Keras' RMSprop; its epsilon is below the root, PyTorch's outside."""


@keras.saving.register_keras_serializable(package="glf_tf")
class SGD(Coupled, keras.optimizers.SGD):
    """Keras' gradient descent, with momentum."""


_FIRST_FACTOR, _LARGEST_FACTOR = 2.0**15, 2.0**24
_STEPS_TO_DOUBLE = 2000.0

_SHORTEST = 1e-9
"""The shortest half-life, relative to the final one, of which the decay is 0."""
