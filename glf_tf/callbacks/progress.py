# SPDX-License-Identifier: Apache-2.0
"""Shows how training goes: a bar on a terminal, a line an epoch elsewhere."""

__all__ = ["Progress"]

import math
import sys

import tqdm

from glf_tf.training import callback as callback_lib


class Progress(callback_lib.AbstractCallback):
    """A progress bar over all stages, and a line of averages an epoch."""

    def __init__(self, *, is_silent: bool = False):
        """Initializes the callback.

        Args:
            is_silent: Whether it shows nothing: another worker does.
        """
        super().__init__(callback_lib.Every(epochs=1))
        self._is_silent, self._stream = is_silent, sys.stderr
        self._averages = callback_lib.Averages()
        self._bar = None
        self._seconds, self._step = 0.0, 0

    def open(self, *, total_steps: int, step: int) -> None:
        """Starts the bar at a step."""
        self._step = step
        if step and not self._is_silent:
            tqdm.tqdm.write(f"going on from step {step}", file=self._stream)
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
        images = (moment.global_step - self._step) * moment.images_per_step
        self._seconds, self._step = moment.train_seconds, moment.global_step
        if not means:
            self._tell(f"{moment.stage} fitted in {seconds:.1f} s")
            return
        epochs = math.ceil(moment.total_steps / moment.steps_per_epoch)
        values = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        self._tell(
            f"{moment.stage} epoch {math.ceil(moment.epoch)}/{epochs}  {values}  "
            f"{seconds:.1f} s  {images / max(seconds, 1e-9):,.0f} images/s"
        )

    def begin_fit(self, stage):
        """Says that a stage without steps begins, which may take minutes."""
        self._tell(f"{stage}: fitting ...")

    def _tell(self, line: str) -> None:
        if not self._is_silent:
            tqdm.tqdm.write(line, file=self._stream)
            self._stream.flush()

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()

    def get_state(self):
        """Returns the sums so far."""
        return self._averages.get_state()

    def set_state(self, state):
        """Takes over the sums."""
        self._averages.set_state(state)
