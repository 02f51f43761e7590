# SPDX-License-Identifier: Apache-2.0
"""Runs a tool: flags first, then TensorFlow, then the tool; errors in one line.

Every error that a user can cause is one line on standard error, `error: ` and three
parts, with an exit status: 2 if the command is wrong, 1 if files, disks or memory are,
75 if the same command may work later. A stack trace is a bug of the library.
"""

__all__ = ["run", "parse", "own_flags", "ending_in_one_line", "print_for_reading"]

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from absl import flags

from glf_tf import errors, quiet
from glf_tf.cli import (
    assignment,
    extras,
    groups,
    helping,
    part_flags,
    resuming,
    values,
)

FLAGS = flags.FLAGS

_GROUPS = {"dataset": "data"}
"""Groups of the options of parts whose name is not the kind."""

Define = Callable[[], Sequence[part_flags.Part]]
"""Defines shared flags; returns the parts whose options are flags."""


def run(
    main: Callable[[], None], *, define: Define | None = None, tensorflow: bool = True
) -> None:
    """Runs a tool: reads its flags, loads TensorFlow quietly, calls `main`.

    Args:
        main: The tool.
        define: Defines the flags that it shares with other tools.
        tensorflow: Whether the tool needs TensorFlow.
    """
    with ending_in_one_line():
        parse(sys.argv, define=define)
        if tensorflow:
            quiet.load_tensorflow()
        main()
        sys.stdout.flush()


def parse(argv: list[str], *, define: Define | None = None) -> None:
    """Reads the flags of a command line; with `--help`, prints help and exits.

    Raises:
        UserError: A flag is wrong.
    """
    parts = define() if define is not None else ()
    arguments = part_flags.read(argv[1:])
    if own := resuming.own_flags(arguments):
        arguments = part_flags.read([*own, *argv[1:]])
    for part in parts:
        with groups.group(_GROUPS.get(part.kind, part.kind)):
            part_flags.define_options(arguments, part)
    if any(
        argument.name in part_flags.HELP and argument.value == "true"
        for argument in arguments
    ):
        text = helping.text(sys.modules["__main__"].__doc__, own_flags())
        if plugins := part_flags.plugin_lines():
            text = "\n".join([text, "", "parts of installed packages:", *plugins])
        print_for_reading(text)
        sys.exit(0)
    given = [argument for argument in arguments if argument.name not in part_flags.HELP]
    assignment.assign(given, program=argv[0], known=own_flags())
    # An empty list would be the default, which often is all there are.
    values.refuse_empty(*(flag.name for flag in own_flags() if flag.value == []))
    for choice, gone in arguments.forgotten:
        if not choice.files:
            names = ", ".join(f"--{argument.name}" for argument in gone)
            print(f"{choice.text} drops the former part's {names}", file=sys.stderr)


def print_for_reading(text: str) -> None:
    """Prints a text for people, who may stop reading: `--help | head`."""
    try:
        print(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_unwritten()


def own_flags() -> list[flags.Flag]:
    """Returns all flags except those of absl and other libraries."""
    modules = FLAGS.flags_by_module_dict()
    mine = [name for name in modules if name == sys.argv[0] or "glf_tf" in name]
    return [flag for name in mine for flag in modules[name]]


@contextlib.contextmanager
def ending_in_one_line() -> Iterator[None]:
    """Exits with one line and a status if a user caused an error."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # File names may have bytes that cannot be encoded.
        stream.reconfigure(errors="backslashreplace")
    heard = _interrupts()
    try:
        yield
    except BrokenPipeError:
        _end(
            errors.Exhausted(
                "The output of a tool must be read to its end",
                received="a closed standard output",
                do="Write it to a file, or read all of it",
            )
        )
    except (Exception, KeyboardInterrupt) as error:
        # Libraries turn an interrupt in their callbacks into errors of their own.
        if heard or isinstance(error, KeyboardInterrupt):
            _end_stopped()
        known = error if isinstance(error, errors.UserError) else _explained(error)
        if known is None:
            raise
        _end(known)


def _interrupts() -> list[int]:
    """Lets signals raise KeyboardInterrupt by default; returns those received."""
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
    # A run that has begun is resumed by its command.
    again = " (with --resume if it has begun)" if "resume" in FLAGS else ""
    print(
        f"Stopped by a signal; run the same command again{again}",
        file=sys.stderr,
    )
    sys.exit(os.EX_TEMPFAIL)


def _explained(error: Exception) -> errors.UserError | None:
    """Returns the user error of a system error; None if it is a bug of the library."""
    if isinstance(error, MemoryError) or _is_of_tensorflow(error, "ResourceExhausted"):
        return errors.Exhausted(
            "The data and the model must fit into memory",
            received=errors.line_of(error) if str(error) else "no memory left",
            do="Use fewer or smaller examples, or a smaller model",
        )
    if isinstance(error, ModuleNotFoundError):
        return extras.explained(error)
    if isinstance(error, OSError):
        return errors.Exhausted(
            "This process must be able to read and write its files",
            received=f"{error.filename or 'a file'}: {error.strerror or error}",
            do="Check the path, its permissions, and the free space on its disk",
        )
    if isinstance(error, UnicodeError):
        return errors.InvalidValue(
            "Names and texts must be valid UTF-8",
            received=error,
            do="Rename the file, or correct the text",
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
    """Opens standard streams that were closed, whose numbers other files would get.

    Writing to standard output then fails, as on a full disk; standard error is lost.
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
    """Discards unwritten output, about which Python would complain at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _printable(text: str) -> str:
    """Returns a text as one line, with control characters escaped."""
    text = text.replace("\n", " ")
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in text
    )
