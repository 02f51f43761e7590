# SPDX-License-Identifier: Apache-2.0
"""Runs a tool: flags first, then TensorFlow, then the tool; errors in one line.

Whatever a user can cause ends in one line on standard error, `error: ` and three parts,
and in a status: 2 where the command is wrong, 1 where the world is, 75 where the same
command may work later. A stack trace is a bug of the library.
"""

__all__ = ["run", "parse", "own_flags", "ending_in_one_line"]

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from absl import flags

from glf_tf import errors, quiet
from glf_tf.cli import assignment, extras, groups, helping, part_flags

FLAGS = flags.FLAGS

_GROUPS = {"dataset": "data"}
"""Groups of the options of parts, where they have another name than the kind."""

Define = Callable[[], Sequence[part_flags.Part]]
"""Defines flags that are no tool's own; returns the parts whose options are flags."""


def run(
    main: Callable[[], None], *, define: Define | None = None, tensorflow: bool = True
) -> None:
    """Runs a tool: reads its flags, loads TensorFlow quietly, calls `main`.

    Args:
        main: The tool.
        define: Defines the flags that it shares with others.
        tensorflow: Whether the tool needs it.
    """
    with ending_in_one_line():
        parse(sys.argv, define=define)
        if tensorflow:
            quiet.load_tensorflow()
        main()
        sys.stdout.flush()


def parse(argv: list[str], *, define: Define | None = None) -> None:
    """Reads the flags of a command line; prints help, and exits, if that is asked for.

    Raises:
        UserError: One of them is wrong.
    """
    parts = define() if define is not None else ()
    arguments = part_flags.read(argv[1:])
    for part in parts:
        with groups.group(_GROUPS.get(part.kind, part.kind)):
            part_flags.define_options(arguments, part)
    if any(one.name in part_flags.HELP and one.value == "true" for one in arguments):
        print(helping.text(sys.modules["__main__"].__doc__, own_flags()))
        if plugins := part_flags.plugin_lines():
            print("\n".join(["", "parts of installed packages:", *plugins]))
        sys.stdout.flush()
        sys.exit(0)
    given = [one for one in arguments if one.name not in part_flags.HELP]
    assignment.assign(given, program=argv[0], known=own_flags())
    for choice, gone in arguments.forgotten:
        if not choice.files:
            told = ", ".join(f"--{one.name}" for one in gone)
            print(f"{choice.text} replaces the part that had {told}", file=sys.stderr)


def own_flags() -> list[flags.Flag]:
    """Returns all flags but those of absl and other libraries."""
    modules = FLAGS.flags_by_module_dict()
    mine = [name for name in modules if name == sys.argv[0] or "glf_tf" in name]
    return [flag for name in mine for flag in modules[name]]


@contextlib.contextmanager
def ending_in_one_line() -> Iterator[None]:
    """Ends the process with a line and a status where a user caused an error."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # Names of files may have bytes that no encoding has.
        stream.reconfigure(errors="backslashreplace")
    heard = _interrupts()
    try:
        yield
    except BrokenPipeError:
        _end(
            errors.Exhausted(
                "What a tool prints must be read to its end",
                received="standard output that was closed",
                do="Write it to a file, or read all of it",
            )
        )
    except (Exception, KeyboardInterrupt) as error:
        # Libraries turn an interrupt within their callbacks into errors of their own.
        if heard or isinstance(error, KeyboardInterrupt):
            _end_stopped()
        known = error if isinstance(error, errors.UserError) else _explained(error)
        if known is None:
            raise
        _end(known)


def _interrupts() -> list[int]:
    """Lets signals interrupt, wherever nobody knows better; returns those that came."""
    heard = []

    def interrupt(number, frame):
        del frame
        heard.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    return heard


def _end_stopped() -> None:
    # A run that has begun is gone on with, by the command that began it.
    again = " (with --resume if it has begun)" if "resume" in FLAGS else ""
    print(
        f"Stopped by a signal; the same command may be run again{again}",
        file=sys.stderr,
    )
    sys.exit(os.EX_TEMPFAIL)


def _explained(error: Exception) -> errors.UserError | None:
    """Returns what an error of the system means; None where it is a bug of ours."""
    if isinstance(error, MemoryError) or _is_of_tensorflow(error, "ResourceExhausted"):
        return errors.Exhausted(
            "What is asked for must fit into memory",
            received=str(error) or "no memory left",
            do="Ask for fewer or smaller images, or a smaller model",
        )
    if isinstance(error, ModuleNotFoundError):
        return extras.explained(error)
    if isinstance(error, OSError):
        return errors.Exhausted(
            "Files must be such that this process can read and write them",
            received=f"{error.filename or 'a file'}: {error.strerror or error}",
            do="Check the path, its permissions, and the room on its disk",
        )
    if isinstance(error, UnicodeError):
        return errors.InvalidValue(
            "Names and texts must be such that UTF-8 can hold them",
            received=error,
            do="Rename the file, or mend the text",
        )
    return None


def _is_of_tensorflow(error: Exception, name: str) -> bool:
    kind = type(error)
    return kind.__module__.startswith("tensorflow") and kind.__name__.startswith(name)


def _end(error: errors.UserError) -> None:
    """Prints an error as one line, and ends with its status."""
    _drop_unwritten()
    print(f"error: {_printable(str(error))}", file=sys.stderr)
    sys.exit(error.status)


def _open_closed_streams() -> None:
    """Opens what a shell closed: the next file would get its number, and its text.

    What is printed fails there, as on a full disk; what is told is lost.
    """
    if sys.stdout is None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 1)
        sys.stdout = _stream_of(1)
    if sys.stderr is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = _stream_of(2)


def _stream_of(descriptor: int) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "wb", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", line_buffering=True)


def _drop_unwritten() -> None:
    """Drops what standard output does not take: Python would complain at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _printable(text: str) -> str:
    """Returns a text as one line, without what would move a terminal's cursor."""
    text = text.replace("\n", " ")
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
