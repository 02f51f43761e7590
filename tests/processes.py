# SPDX-License-Identifier: Apache-2.0
"""Starts processes that have TensorFlow imported, which takes seconds anew.

They are copies of one that imported it and did nothing else: what they set before
TensorFlow runs counts, and a signal is a signal.
"""

import atexit
import contextlib
import multiprocessing
import os
import runpy
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping

from tests import calls

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["glf_tf.experiments.experiment"])


class Started:
    """A process that runs a script or a module."""

    def __init__(self, run: str, *arguments: str, env: Mapping[str, str] | None = None):
        """Starts it in the root of the library.

        Args:
            run: A tool's name, or a module.
            *arguments: Its command line.
            env: Variables of its environment, beside those of this process.
        """
        self._output, self._errors = (
            tempfile.NamedTemporaryFile("r")  # noqa: SIM115 - as long as this
            for _ in range(2)
        )
        names = self._output.name, self._errors.name
        self._process = CONTEXT.Process(
            target=_main, args=(run, arguments, names, dict(env or {})), daemon=True
        )
        self._process.start()

    def lines(self) -> Iterator[str]:
        """Yields lines of its standard error as they come, until it ends."""
        text = ""
        while text or self._process.is_alive():
            text += self._errors.readline()
            if text.endswith("\n"):
                yield text
                text = ""
            elif not self._process.is_alive():
                return
            else:
                time.sleep(0.01)

    def send_signal(self, number: int) -> None:
        """Sends it a signal."""
        os.kill(self._process.pid, number)

    def ended(self, *, timeout: float = 300.0) -> calls.Ended:
        """Waits until it has ended; returns what came of it."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self._process.kill()
            raise TimeoutError(self._errors.read())
        texts = []
        for stream in (self._output, self._errors):
            stream.seek(0)
            texts.append(stream.read())
            stream.close()
        return calls.Ended(self._process.exitcode, *texts)


def _main(run, arguments, names, env):
    """What the process does: as the command line `python RUN ARGUMENTS` would."""
    for descriptor, name in enumerate(names, start=1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_APPEND), descriptor)
    sys.stdout, sys.stderr = (
        os.fdopen(os.dup(descriptor), "w", buffering=1) for descriptor in (1, 2)
    )
    os.environ.update(env)
    os.chdir(calls.ROOT)
    path = calls.ROOT / "tools" / f"{run}.py"
    sys.argv = [str(path), *arguments]
    try:
        if path.exists():
            sys.path.insert(0, str(path.parent))
            runpy.run_path(str(path), run_name="__main__")
        else:
            runpy.run_module(run, run_name="__main__")
    finally:
        with contextlib.suppress(Exception):
            atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
