# SPDX-License-Identifier: Apache-2.0
"""The interface of callbacks of the training loop."""

__all__ = ["AbstractCallback", "Every", "Moment", "Averages"]

import abc
import dataclasses
from collections.abc import Mapping

from glf_tf.training import step as step_lib


@dataclasses.dataclass(frozen=True)
class Every:
    """An interval: a number of epochs or of steps; never if both are 0.

    Intervals also end at the end of a stage.
    """

    epochs: int = 0
    steps: int = 0

    def in_steps(self, steps_per_epoch: int) -> int:
        """Returns the interval in steps; 0 for never."""
        return self.steps or self.epochs * steps_per_epoch


@dataclasses.dataclass(frozen=True)
class Moment:
    """A point in training.

    Attributes:
        stage: Name of the stage.
        step: Steps taken in the stage.
        total_steps: Total steps of the stage.
        global_step: Steps taken in all stages.
        steps_per_epoch: Steps per epoch of the stage.
        examples_per_step: Examples per step, over all replicas.
        train_seconds: Seconds spent in training steps in this process.
    """

    stage: str
    step: int
    total_steps: int
    global_step: int
    steps_per_epoch: int
    examples_per_step: int
    train_seconds: float

    @property
    def epoch(self) -> float:
        """Finished epochs of the stage, with fractions."""
        return self.step / self.steps_per_epoch

    @property
    def is_stage_end(self) -> bool:
        """Whether the stage is done."""
        return self.step >= self.total_steps


class AbstractCallback(abc.ABC):
    """A callback that runs at intervals.

    Attributes:
        every: The interval.
        runs_on_stop: Whether it also runs when training is stopped.
        by_chief: Whether only the chief runs it, as it writes files without
            communication.
        uses_averages: Whether it runs with averages of weights, if there are any; what
            it assigns to them becomes both the weight and the average.
    """

    runs_on_stop = False
    uses_averages = False
    by_chief = False

    def __init__(self, every: Every):
        self.every = every

    @property
    def name(self) -> str:
        """The key of its saved state, unique in a run."""
        return type(self).__name__

    def begin_fit(self, stage: str) -> None:
        """Called before a stage without steps, which fits in closed form or by EM.

        Args:
            stage: Its name.
        """
        del stage

    def observe(self, result: step_lib.Result, moment: Moment) -> None:
        """Called after each call of the training function."""
        del result, moment

    @abc.abstractmethod
    def run(self, moment: Moment) -> None:
        """Called at the end of each interval, between training steps."""

    def ends(self, stage: str) -> bool:
        """Returns whether a stage ends now, before its epochs are over.

        Args:
            stage: Its name.
        """
        del stage
        return False

    def has_best(self, stage: str) -> bool:
        """Returns whether `restore_best` is to be called in the end of a stage.

        Args:
            stage: Its name.
        """
        del stage
        return False

    def restore_best(self) -> None:
        """Assigns the variables the values that are a stage's result."""
        return

    def get_state(self) -> dict:
        """Returns its state for resuming, as JSON values."""
        return {}

    def set_state(self, state: Mapping) -> None:
        """Restores the state of `get_state`."""
        del state


class Averages:
    """Running means of terms over the steps of an interval."""

    def __init__(self):
        self._sums: dict[str, float] = {}
        self._steps = 0

    def add(self, result: step_lib.Result) -> None:
        """Adds the steps of a call."""
        for name, value in result.sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._steps += result.steps

    def take(self) -> dict[str, float]:
        """Returns the means, and resets them."""
        means = {name: value / self._steps for name, value in self._sums.items()}
        self._sums, self._steps = {}, 0
        return means

    def get_state(self) -> dict:
        """Returns the sums, as JSON values."""
        return {"sums": dict(self._sums), "steps": self._steps}

    def set_state(self, state: Mapping) -> None:
        """Restores the sums."""
        self._sums, self._steps = dict(state["sums"]), state["steps"]
