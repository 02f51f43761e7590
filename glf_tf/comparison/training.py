# SPDX-License-Identifier: Apache-2.0
"""Runs trainings as child processes, and forwards signals to them."""

__all__ = ["Children"]

import os
import pathlib
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

from glf_tf import files
from glf_tf.training import loop

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Children:
    """A context that runs child processes, one at a time; SIGTERM and SIGINT stop them.

    A child that gets a signal saves its state first. Without a child, the context is
    left at once. Either way it raises `loop.Stopped`.
    """

    def __init__(self, *, inherit: Sequence[int] = ()):
        """Initializes the context.

        Args:
            inherit: Descriptors that children keep open.
        """
        self._inherit = tuple(inherit)
        self._child: subprocess.Popen | None = None
        self._is_busy, self._is_asked = False, False
        self._before = {}

    def run(self, command: Sequence[str], *, log: pathlib.Path) -> str:
        """Runs a child to its end; its output goes to standard error and a file.

        Args:
            command: Program and arguments.
            log: The file, to which the output is appended.

        Returns:
            error: "" if it succeeded; otherwise its last line, or the signal that ended
                it.
        """
        self._is_busy = True
        try:
            status, last = self._follow(command, log=log)
        finally:
            self._is_busy, self._child = False, None
        if self._is_asked or status == os.EX_TEMPFAIL:
            raise KeyboardInterrupt
        return _error(status, last=last)

    def _follow(self, command: Sequence[str], *, log: pathlib.Path) -> tuple[int, str]:
        """Returns the status and the last line of a child."""
        last = ""
        with files.appending(log) as stream:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                pass_fds=self._inherit,
                # A terminal's Ctrl-C must reach it only once, from here: twice means
                # "now".
                start_new_session=True,
            )
            if self._is_asked:
                self._child.terminate()
            for line in self._child.stderr:
                print(line, end="", file=sys.stderr, flush=True)
                stream.write(line.encode("utf-8", "replace"))
                stream.flush()
                last = line.strip() or last
            return self._child.wait(), last

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, kind, error, trace):
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is KeyboardInterrupt:
            raise loop.Stopped("Stopped; finished work is kept") from None

    def _stop(self, number, frame):
        del number, frame
        self._is_asked = True
        if self._child is not None:
            self._child.terminate()
        elif not self._is_busy:
            raise KeyboardInterrupt


def _error(status: int, *, last: str) -> str:
    if status == 0:
        return ""
    if status < 0:
        name = signal.Signals(-status).name
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"The training was ended by {name}{hint}"
    return last.removeprefix("error: ") or f"The training ended with status {status}"
