# SPDX-License-Identifier: Apache-2.0
"""Shows progress: a bar on a terminal, elsewhere a line per epoch and half minute."""

__all__ = ["Progress"]

import math
import sys
import time
from collections.abc import Mapping, Sequence

import tqdm

from glf_tf import progress as progress_lib
from glf_tf.callbacks import reports
from glf_tf.training import callback as callback_lib


class Progress(callback_lib.AbstractCallback):
    """A progress bar over all stages, and a line per epoch.

    Without a terminal, epochs that take longer say each half minute how far they are.

    A line has the averages of the epoch's terms, what was measured after it, and how
    long the steps that are left of the stage take if they are as fast, without its
    first call, which compiles. Those of another stage may be a hundred times as fast.
    """

    def __init__(
        self,
        *,
        is_silent: bool = False,
        noun: str = "images",
        measures: Sequence[reports.Validation | reports.SampleQuality] = (),
    ):
        """Initializes the callback.

        Args:
            is_silent: Whether to show nothing, as on all workers but the chief.
            noun: What the examples are.
            measures: The callbacks that measure, which must run before it.
        """
        super().__init__(callback_lib.Every(epochs=1))
        self._is_silent, self._stream, self._noun = is_silent, sys.stderr, noun
        self._measures = tuple(measures)
        self._averages = callback_lib.Averages()
        self._bar, self._total = None, 0
        self._seconds, self._step = 0.0, 0
        self._stage, self._compiled = "", (0.0, 0)
        self._told = time.monotonic()

    def open(self, *, total_steps: int, step: int) -> None:
        """Starts the bar at a step."""
        self._step, self._total = step, total_steps
        if step and not self._is_silent:
            end = "" if step < total_steps else ": nothing is left to train"
            tqdm.tqdm.write(f"resuming from step {step}{end}", file=self._stream)
        self._bar = tqdm.tqdm(
            total=total_steps,
            initial=step,
            unit="step",
            dynamic_ncols=True,
            file=self._stream,
            disable=self._is_silent or not self._stream.isatty(),
        )

    def observe(self, result, moment):
        """Moves the bar."""
        self._averages.add(result)
        self._bar.update(result.steps)
        if moment.stage != self._stage:
            self._stage = moment.stage
            self._compiled = (moment.train_seconds, moment.global_step)
        is_late = time.monotonic() - self._told >= progress_lib.SECONDS
        if is_late and not self._stream.isatty() and not self._ends_epoch(moment):
            self.tell(self._place(moment))

    @staticmethod
    def _ends_epoch(moment: callback_lib.Moment) -> bool:
        """Returns whether the line of an epoch follows."""
        return (
            moment.step == moment.total_steps
            or moment.step % moment.steps_per_epoch == 0
        )

    def _place(self, moment: callback_lib.Moment) -> str:
        """Returns how far training is within an epoch, and how long the rest takes."""
        place = f"step {moment.step:,} of {moment.total_steps:,}"
        return f"{moment.stage}: {place}, {self._to_go(moment)}"

    def _to_go(self, moment: callback_lib.Moment) -> str:
        """Returns how long the rest of a stage takes, and whether it is the last."""
        steps = moment.total_steps - moment.step
        is_last = moment.global_step + steps >= self._total
        left = progress_lib.duration(self._pace(moment) * steps)
        return f"{left} to go" + ("" if is_last else " in this stage")

    def run(self, moment):
        """Writes the line of an epoch."""
        means, measured = self._averages.take(), self._measured(moment)
        seconds = moment.train_seconds - self._seconds
        steps = moment.global_step - self._step
        count = steps * moment.examples_per_step
        left = self._to_go(moment) if moment.step < moment.total_steps else ""
        self._seconds, self._step = moment.train_seconds, moment.global_step
        if not means:
            self.tell(f"{moment.stage} fitted in {seconds:.1f} s{measured}")
            return
        epochs = math.ceil(moment.total_steps / moment.steps_per_epoch)
        self.tell(
            f"{moment.stage} epoch {math.ceil(moment.epoch)}/{epochs}{_listed(means)}"
            f"{measured}  {seconds:.1f} s  "
            f"{count / max(seconds, 1e-9):,.0f} {self._noun}/s"
            + (f"  {left}" if left else "")
        )
        if moment.global_step == self._total:
            self.tell("trained; the last pictures and checkpoint follow")

    def begin_fit(self, stage):
        """Announces a stage without steps, which may take minutes."""
        self.tell(f"{stage}: fitting ...")

    def _pace(self, moment: callback_lib.Moment) -> float:
        """Returns the seconds a step since the last line or compilation."""
        before = (self._seconds, self._step)
        seconds, step = max(before, self._compiled)
        if step == moment.global_step:  # all steps were in the call that compiled
            seconds, step = before
        return (moment.train_seconds - seconds) / max(moment.global_step - step, 1)

    def _measured(self, moment: callback_lib.Moment) -> str:
        """Returns what was measured at that moment."""
        now = [
            each for each in self._measures if each.measured_at == moment.global_step
        ]
        return "".join(_listed(each.latest) for each in now)

    def tell(self, line: str) -> None:
        """Writes a line above the bar."""
        if not self._is_silent:
            tqdm.tqdm.write(line, file=self._stream)
            self._stream.flush()
            self._told = time.monotonic()

    def close(self) -> None:
        """Closes the bar."""
        if self._bar is not None:
            self._bar.close()

    def get_state(self):
        """Returns the sums so far."""
        return self._averages.get_state()

    def set_state(self, state):
        """Restores the sums."""
        self._averages.set_state(state)


def _listed(values: Mapping[str, float]) -> str:
    return "".join(f"  {name} {value:.4g}" for name, value in values.items())
