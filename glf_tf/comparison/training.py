# SPDX-License-Identifier: Apache-2.0
"""Runs trainings as child processes, and forwards signals to them."""

__all__ = ["Children"]

import contextlib
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

from glf_tf import files
from glf_tf.training import loop

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Children:
    """A context that runs child processes; SIGTERM and SIGINT stop them.

    Each thread may run one, at most `at_once` at a time: of several, each has its share
    of the processors, where the system can say so.

    A child that gets a signal saves its state first. Without a child, the context is
    left at once. Either way it raises `loop.Stopped`.

    Attributes:
        at_once: The most children at a time.
    """

    def __init__(self, *, at_once: int = 1, inherit: Sequence[int] = ()):
        """Initializes the context.

        Args:
            at_once: The most children at a time.
            inherit: Descriptors that children keep open.
        """
        self.at_once, self._inherit = at_once, tuple(inherit)
        # A signal's handler may interrupt any line: sets change in one step.
        self._children: set[subprocess.Popen] = set()
        self._calls: set[object] = set()
        self._is_asked = False
        self._before = {}
        self._shares: queue.SimpleQueue[set[int]] = queue.SimpleQueue()
        for share in _shares(at_once):
            self._shares.put(share)

    def run(
        self, command: Sequence[str], *, log: pathlib.Path, prefix: str = ""
    ) -> str:
        """Runs a child to its end; its output goes to standard error and a file.

        Args:
            command: Program and arguments.
            log: The file, to which the output is appended.
            prefix: What stands before its lines on standard error.

        Returns:
            error: "" if it succeeded; otherwise its last line, or the signal that ended
                it.

        Raises:
            KeyboardInterrupt: It was stopped, by a signal or by somebody else.
        """
        call = object()
        self._calls.add(call)
        share = self._shares.get()
        try:
            status, last = self._follow(command, log=log, prefix=prefix, share=share)
        finally:
            self._shares.put(share)
            self._calls.discard(call)
        if self._is_asked or status == os.EX_TEMPFAIL:
            raise KeyboardInterrupt
        return _error(status, last=last)

    def stop(self) -> None:
        """Asks all children to save their state and end, also those that begin now."""
        self._is_asked = True
        for child in tuple(self._children):
            child.terminate()

    def _follow(
        self, command: Sequence[str], *, log: pathlib.Path, prefix: str, share: set[int]
    ) -> tuple[int, str]:
        """Returns the status and the last line of a child."""
        last = ""
        with files.appending(log) as stream:
            child = subprocess.Popen(
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
            self._children.add(child)
            if share:
                _confine(child, share)
            if self._is_asked:
                child.terminate()
            for line in child.stderr:
                print(f"{prefix}{line}", end="", file=sys.stderr, flush=True)
                stream.write(line.encode("utf-8", "replace"))
                stream.flush()
                last = line.strip() or last
            status = child.wait()
            self._children.discard(child)
            return status, last

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, kind, error, trace):
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is KeyboardInterrupt:
            raise loop.Stopped("Stopped; finished work is kept") from None

    def _on_signal(self, number, frame):
        del number, frame
        self.stop()
        if not self._calls:
            raise KeyboardInterrupt


def _shares(count: int) -> list[set[int]]:
    """Returns the processors of each of as many children; empty where all have all."""
    if count == 1 or not hasattr(os, "sched_getaffinity"):
        return [set()] * count
    known = sorted(os.sched_getaffinity(0))
    return [set(known[k::count]) or {known[k % len(known)]} for k in range(count)]


def _confine(child: subprocess.Popen, share: set[int]) -> None:
    """Leaves a child its share of the processors, before it begins to count them."""
    with contextlib.suppress(OSError):  # it has ended, or may not be confined
        os.sched_setaffinity(child.pid, share)


def _error(status: int, *, last: str) -> str:
    if status == 0:
        return ""
    if status < 0:
        name = signal.Signals(-status).name
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"The training was ended by {name}{hint}"
    return last.removeprefix("error: ") or f"The training ended with status {status}"
