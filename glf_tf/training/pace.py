# SPDX-License-Identifier: Apache-2.0
"""How many training steps a call of the traced function takes."""

__all__ = ["Pace", "SECONDS_PER_CALL"]

SECONDS_PER_CALL = 0.5
"""How long a call aims to take: long enough that Python costs nothing, short enough
that a signal is heard and the progress bar moves."""


class Pace:
    """Chooses the steps of the next call from the time that the last one took."""

    def __init__(self):
        """Initializes the pace at one step a call."""
        self.steps = 1
        self._calls = 0

    def observe(self, steps: int, *, seconds: float) -> None:
        """Learns from a call; the first one, which traces, is not counted.

        Args:
            steps: The steps that the call took.
            seconds: How long they took.
        """
        self._calls += 1
        if self._calls > 1:
            wanted = int(SECONDS_PER_CALL * steps / max(seconds, 1e-6))
            self.steps = max(1, min(wanted, 4 * self.steps))
