# SPDX-License-Identifier: Apache-2.0
"""Turns the signals of schedulers and people into a question.

The first one is heard after the step, the fit or the validation of the moment, so that
the state of then is saved. A second one does not wait: what was saved before is there.
"""

__all__ = ["StopSignal"]

import os
import signal
import threading

_HEARD = b"Stopping after what is being computed; a second signal stops at once.\n"


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
        # Not by `sys.stderr`, which may be in the midst of a line.
        os.write(2, _HEARD)
