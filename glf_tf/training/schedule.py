# SPDX-License-Identifier: Apache-2.0
"""Schedules: of the learning rate, and of any other number that follows a cosine."""

__all__ = ["Cosine", "StepDecay"]

import dataclasses
import math
from collections.abc import Mapping

import keras
import tensorflow as tf

from glf_tf.training import contract


@dataclasses.dataclass(frozen=True)
class Cosine:
    """A number that moves from one value to another along half a cosine, and stays.

        value(step) = end + (start - end) (1 + cos(pi min(1, step / steps))) / 2

    As a weight of a term, its step is that of the stage.

    Attributes:
        start: The value at step 0.
        end: The value from `steps` on.
        steps: Steps in between.
    """

    start: float
    end: float
    steps: int

    def __post_init__(self):
        """Checks the values.

        Raises:
            InvalidType: One is not a number.
            InvalidValue: There are no steps, or a value is not finite.
        """
        contract.number(self.start, of="start")
        contract.number(self.end, of="end")
        contract.whole(self.steps, of="steps", least=1)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the value at a step, a float32 scalar."""
        progress = tf.cast(step, tf.float32) / self.steps
        return self.end + (self.start - self.end) * _fall(progress)


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
        if self.curve == "exponential":
            return tf.pow(self.end, tf.minimum(1.0, progress))
        return self.end + (1.0 - self.end) * _fall(progress)

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


def _fall(progress: tf.Tensor) -> tf.Tensor:
    """Returns half a cosine from 1 at progress 0 to 0 at 1 and later."""
    return (1.0 + tf.cos(math.pi * tf.minimum(1.0, progress))) / 2.0
