# SPDX-License-Identifier: Apache-2.0
"""Schedules of the learning rate: warm-up, step decay, cosine, exponential."""

__all__ = ["StepDecay"]

import math
from collections.abc import Mapping

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="glf_tf")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate with warm-up, a curve, and decays at intervals and given steps.

        rate(step) = initial * min(1, step / warm_up) * curve(step / curve_steps)
            * factor^floor(step / every) * product(at[s] for s <= step)

    where the curve is, with p clipped to 1, `end + (1 - end) (1 + cos(pi p)) / 2` for
    "cosine", `end^p` for "exponential" and 1 for "constant".
    """

    def __init__(
        self,
        initial: float,
        *,
        every: int,
        factor: float,
        at: Mapping[int, float] | None = None,
        warm_up: int = 0,
        curve: str = "constant",
        curve_steps: int = 0,
        end: float = 1.0,
    ):
        """Initializes the schedule.

        Args:
            initial: The rate at step 0.
            every: Steps between decays; 0 for none.
            factor: Factor of each of these decays.
            at: Further factors, by the step from which they apply.
            warm_up: Steps in which the rate increases from 0; 0 for none.
            curve: "constant", "cosine" or "exponential".
            curve_steps: Steps in which the curve reaches its end; at least 1.
            end: Factor of the curve at its end.
        """
        self.initial, self.every, self.factor = initial, every, factor
        self.at = {int(step): factor for step, factor in (at or {}).items()}
        self.warm_up, self.curve = warm_up, curve
        self.curve_steps, self.end = curve_steps, end

    def __call__(self, step):
        """Returns the rate at a step, a float32 scalar."""
        step, rate = tf.cast(step, tf.int64), tf.constant(self.initial, tf.float32)
        if self.every:
            rate *= tf.pow(self.factor, tf.cast(step // self.every, tf.float32))
        for start, factor in self.at.items():
            rate *= tf.where(step >= start, factor, 1.0)
        if self.warm_up:
            rate *= tf.minimum(1.0, tf.cast(step, tf.float32) / self.warm_up)
        if self.curve != "constant":
            rate *= self._curve(tf.cast(step, tf.float32) / max(1, self.curve_steps))
        return rate

    def _curve(self, progress):
        progress = tf.minimum(1.0, progress)
        if self.curve == "exponential":
            return tf.pow(self.end, progress)
        fall = (1.0 + tf.cos(math.pi * progress)) / 2.0
        return self.end + (1.0 - self.end) * fall

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            "initial": self.initial,
            "every": self.every,
            "factor": self.factor,
            "at": self.at,
            "warm_up": self.warm_up,
            "curve": self.curve,
            "curve_steps": self.curve_steps,
            "end": self.end,
        }
