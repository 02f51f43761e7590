# SPDX-License-Identifier: Apache-2.0
"""A weight of a loss term that begins late, and the check that it begins at all."""

__all__ = ["Delayed", "check"]

import dataclasses

import tensorflow as tf

from glf_tf import errors
from glf_tf.training import contract
from glf_tf.training import stages as stages_lib


@dataclasses.dataclass(frozen=True)
class Delayed:
    """A weight that is 0 before a step, and then another.

    Attributes:
        weight: The weight from the step on.
        start: The step of the stage, from 0.
    """

    weight: float
    start: int

    def __post_init__(self):
        """Checks the values.

        Raises:
            InvalidType: One is not a number.
            InvalidValue: The step is negative, or the weight not finite.
        """
        contract.number(self.weight, of="weight")
        contract.whole(self.start, of="start", least=0)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the weight at a step, a float32 scalar."""
        has_begun = tf.cast(step, tf.int64) >= self.start
        return tf.where(has_begun, tf.constant(self.weight, tf.float32), 0.0)


def check(stage: stages_lib.Stage, *, steps: int) -> None:
    """Checks that every weight of a stage that is trained begins before its end.

    Args:
        stage: The stage.
        steps: How many steps it has in all.

    Raises:
        InvalidValue: One begins later.
    """
    weights = [item for update in stage.updates for item in update.weights.items()]
    for term, weight in weights:
        if steps and isinstance(weight, Delayed) and weight.start >= steps:
            raise errors.InvalidValue(
                f"The term {term} must begin before the stage {stage.name} ends",
                received=f"start={weight.start} of {steps} steps",
                do=f"Use a start of at most {steps - 1}, or more epochs",
            )
