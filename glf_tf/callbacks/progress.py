# SPDX-License-Identifier: Apache-2.0
"""Shows progress: a bar on a terminal, a line per epoch elsewhere."""

__all__ = ["Progress"]

import math
import sys

import tqdm

from glf_tf.training import callback as callback_lib


class Progress(callback_lib.AbstractCallback):
    """A progress bar over all stages, and a line of averages per epoch."""

    def __init__(self, *, is_silent: bool = False, noun: str = "images"):
        """Initializes the callback.

        Args:
            noun: What the examples are.
            is_silent: Whether to show nothing, as on all workers but the chief.
        """
        super().__init__(callback_lib.Every(epochs=1))
        self._is_silent, self._stream, self._noun = is_silent, sys.stderr, noun
        self._averages = callback_lib.Averages()
        self._bar = None
        self._seconds, self._step = 0.0, 0

    def open(self, *, total_steps: int, step: int) -> None:
        """Starts the bar at a step."""
        self._step = step
        if step and not self._is_silent:
            tqdm.tqdm.write(f"resuming from step {step}", file=self._stream)
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

    def run(self, moment):
        """Writes the line of an epoch."""
        means = self._averages.take()
        seconds = moment.train_seconds - self._seconds
        count = (moment.global_step - self._step) * moment.examples_per_step
        self._seconds, self._step = moment.train_seconds, moment.global_step
        if not means:
            self._print(f"{moment.stage} fitted in {seconds:.1f} s")
            return
        epochs = math.ceil(moment.total_steps / moment.steps_per_epoch)
        values = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        self._print(
            f"{moment.stage} epoch {math.ceil(moment.epoch)}/{epochs}  {values}  "
            f"{seconds:.1f} s  {count / max(seconds, 1e-9):,.0f} {self._noun}/s"
        )

    def begin_fit(self, stage):
        """Announces a stage without steps, which may take minutes."""
        self._print(f"{stage}: fitting ...")

    def _print(self, line: str) -> None:
        if not self._is_silent:
            tqdm.tqdm.write(line, file=self._stream)
            self._stream.flush()

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
