# SPDX-License-Identifier: Apache-2.0
"""Turns the signals of schedulers and people into a question."""

__all__ = ["StopSignal"]

import signal
import threading


class StopSignal:
    """Turns SIGTERM and SIGINT into a question that the loop asks between calls."""

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
        if self._event.is_set():  # asked twice: do not wait for the step
            signal.signal(number, self._before[number])
            signal.raise_signal(number)
        self._event.set()
