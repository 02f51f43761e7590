# SPDX-License-Identifier: Apache-2.0
"""Step-wise decay of the learning rate."""

__all__ = ["StepDecay"]

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="glf_tf")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """`rate(step) = initial * factor^floor(step / every)`; 0 is never."""

    def __init__(self, initial: float, *, every: int, factor: float):
        """Initializes the schedule.

        Args:
            initial: The rate at step 0.
            every: Steps between decays; 0 for none.
            factor: What each decay multiplies the rate by.
        """
        self.initial, self.every, self.factor = initial, every, factor

    def __call__(self, step):
        """Returns the rate at a step, a float32 scalar."""
        if not self.every:
            return tf.constant(self.initial, tf.float32)
        decays = tf.cast(step, tf.int64) // self.every
        return self.initial * tf.pow(self.factor, tf.cast(decays, tf.float32))

    def get_config(self):
        """Returns the constructor's arguments."""
        return {"initial": self.initial, "every": self.every, "factor": self.factor}
