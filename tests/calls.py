# SPDX-License-Identifier: Apache-2.0
"""Calls a tool as a command line would, in this process: with flags of its own."""

import contextlib
import dataclasses
import io
import pathlib
import runpy
import sys
import traceback

import absl.logging  # noqa: F401 - defines flags that TensorFlow reads
from absl import flags

ROOT = pathlib.Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True)
class Ended:
    """A call that has ended.

    Attributes:
        status: Its exit status; -1 where it would have ended in a stack trace.
        output: What it printed.
        stderr: What it printed on standard error.
    """

    status: int
    output: str
    stderr: str


class _Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


def call(tool: str, *arguments: str, on_terminal: bool = False) -> Ended:
    """Calls `tools/TOOL.py` with arguments; on a terminal, or with streams of files."""
    path = ROOT / "tools" / f"{tool}.py"
    kind = _Terminal if on_terminal else io.TextIOWrapper
    output, errors = (kind(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        flags_of_its_own(),
        _replaced(sys, argv=[str(path), *arguments]),
        _replaced(sys, path=[str(path.parent), *sys.path]),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        status = _run(path)
    return Ended(status, _text_of(output), _text_of(errors))


def _run(path: pathlib.Path) -> int:
    with _replaced(sys.modules, items=True):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as ended:
            return ended.code or 0
        except BaseException:
            traceback.print_exc()
            return -1
    return 0


@contextlib.contextmanager
def flags_of_its_own():
    """Gives absl a set of flags without those of the library, and then its own back."""
    before = dict(flags.FLAGS.__dict__)
    fresh = flags.FlagValues()
    for module, found in flags.FLAGS.flags_by_module_dict().items():
        for flag in found:
            if "absl" in module and flag.name not in fresh:
                fresh[flag.name] = flag
                fresh.register_flag_by_module(module, flag)  # for a call within a call
    flags.FLAGS.__dict__.clear()
    flags.FLAGS.__dict__.update(fresh.__dict__)
    try:
        yield
    finally:
        flags.FLAGS.__dict__.clear()
        flags.FLAGS.__dict__.update(before)


@contextlib.contextmanager
def _replaced(where, *, items=False, **values):
    """Sets attributes, and then the old ones again; or keeps the main module."""
    if items:
        main = where["__main__"]
        try:
            yield
        finally:
            where["__main__"] = main
        return
    before = {name: getattr(where, name) for name in values}
    for name, value in values.items():
        setattr(where, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(where, name, value)


def _text_of(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode(errors="replace")
