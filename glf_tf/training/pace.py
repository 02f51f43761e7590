# SPDX-License-Identifier: Apache-2.0
"""Chooses the number of training steps per call of the traced function."""

__all__ = ["Pace", "SECONDS_PER_CALL"]

SECONDS_PER_CALL = 0.5
"""Target duration of a call: long enough for negligible overhead of Python, short
enough for signals and the progress bar.
"""


class Pace:
    """Chooses the steps of the next call from the duration of the last one."""

    def __init__(self):
        """Initializes the pace with one step per call."""
        self.steps = 1
        self._calls = 0

    def observe(self, steps: int, *, seconds: float) -> None:
        """Updates the pace after a call; the first one, which traces, does not count.

        Args:
            steps: The steps that the call took.
            seconds: Their duration.
        """
        self._calls += 1
        if self._calls > 1:
            wanted = int(SECONDS_PER_CALL * steps / max(seconds, 1e-6))
            self.steps = max(1, min(wanted, 4 * self.steps))
