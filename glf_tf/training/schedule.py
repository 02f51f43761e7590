# SPDX-License-Identifier: Apache-2.0
"""Step-wise decay of the learning rate."""

__all__ = ["StepDecay"]

from collections.abc import Mapping

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="glf_tf")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that falls at intervals, and at given steps.

    rate(step) = initial * factor^floor(step / every) * product(at[s] for s <= step)
    """

    def __init__(
        self,
        initial: float,
        *,
        every: int,
        factor: float,
        at: Mapping[int, float] | None = None,
    ):
        """Initializes the schedule.

        Args:
            initial: The rate at step 0.
            every: Steps between decays; 0 for none.
            factor: What each of these decays multiplies the rate by.
            at: Further factors, by the step from which on they hold.
        """
        self.initial, self.every, self.factor = initial, every, factor
        self.at = {int(step): factor for step, factor in (at or {}).items()}

    def __call__(self, step):
        """Returns the rate at a step, a float32 scalar."""
        step, rate = tf.cast(step, tf.int64), tf.constant(self.initial, tf.float32)
        if self.every:
            rate *= tf.pow(self.factor, tf.cast(step // self.every, tf.float32))
        for start, factor in self.at.items():
            rate *= tf.where(step >= start, factor, 1.0)
        return rate

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            "initial": self.initial,
            "every": self.every,
            "factor": self.factor,
            "at": self.at,
        }
