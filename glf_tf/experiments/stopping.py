# SPDX-License-Identifier: Apache-2.0
"""Turns SIGTERM and SIGINT into a request that the loop polls.

The first signal takes effect after the current step, fit or validation, and the state
is saved. A second one stops at once; earlier checkpoints are kept.
"""

__all__ = ["StopSignal"]

import os
import signal
import threading

_HEARD = b"Stopping after the current step; a second signal stops at once.\n"


class StopSignal:
    """A context that turns SIGTERM and SIGINT into a request to stop."""

    def __init__(self):
        self._event = threading.Event()
        self._before = {}

    def is_set(self) -> bool:
        """Returns whether a signal came."""
        return self._event.is_set()

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._set)

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _set(self, number, frame):
        del frame
        if self._event.is_set():  # the second signal: do not wait for the step
            signal.signal(number, self._before[number])
            signal.raise_signal(number)
        self._event.set()
        # Not by `sys.stderr`, which may be in the middle of a line.
        os.write(2, _HEARD)
