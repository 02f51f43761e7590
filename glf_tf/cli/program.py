# SPDX-License-Identifier: Apache-2.0
"""Runs a tool: flags first, then TensorFlow, then the tool; errors in one line."""

__all__ = ["run", "own_flags"]

import sys
from collections.abc import Callable

from absl import app, flags, logging

from glf_tf import errors, quiet, recipe

FLAGS = flags.FLAGS


def run(main: Callable[[], None], *, define: Callable | None = None) -> None:
    """Runs a tool: reads its flags, loads TensorFlow quietly, calls `main`.

    An error that the user can mend is printed as one line.

    Args:
        main: The tool.
        define: Defines flags that depend on other flags, from the expanded arguments;
            see `define_training`.
    """
    app.run(
        lambda _: _guarded(main),
        flags_parser=lambda argv: _parse(argv, define=define),
    )


def own_flags() -> list[flags.Flag]:
    """Returns all flags but those of absl and other libraries."""
    modules = FLAGS.flags_by_module_dict()
    mine = [name for name in modules if name == sys.argv[0] or "glf_tf" in name]
    return [flag for name in mine for flag in modules[name]]


def _parse(argv: list[str], *, define: Callable | None) -> list[str]:
    """Parses flags, or exits with one line that says what is wrong with them."""
    try:
        arguments = recipe.expand(argv[1:])
        if define is not None:
            define(arguments)
        if any(argument.text in ("--help", "-h") for argument in arguments):
            _print_help()
            sys.exit(0)
        return _known(argv[0], arguments)
    except (flags.Error, errors.UserError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(errors.BAD_COMMAND)


def _known(program: str, arguments: list[recipe.Argument]) -> list[str]:
    try:
        rest = FLAGS([program, *(argument.text for argument in arguments)])
    except flags.UnrecognizedFlagError as error:
        origins = [
            a.origin for a in arguments if a.text.startswith(f"--{error.flagname}")
        ]
        origin = f" in {origins[0]}" if origins and origins[0] else ""
        known = [flag.name for flag in own_flags()]
        raise errors.InvalidValue(
            "A flag must be one that the tool, or a part that it was told to use, has",
            received=f"--{error.flagname}{origin}",
            do=errors.suggestion(error.flagname, known),
        ) from error
    if rest[1:]:
        raise errors.InvalidValue(
            "Arguments are flags, --name=value",
            received=" ".join(rest[1:]),
            do="Put two dashes before each",
        )
    return rest


def _guarded(main: Callable[[], None]) -> None:
    # TensorFlow reports every file that it writes as information.
    logging.set_verbosity(logging.WARNING)
    try:
        quiet.load_tensorflow()
        main()
    except errors.UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.status)


def _print_help() -> None:
    print(sys.modules["__main__"].__doc__)
    for flag in sorted(own_flags(), key=lambda flag: flag.name):
        default = "" if flag.default is None else f" (default: {flag.default_as_str})"
        print(f"  --{flag.name}: {flag.help}{default}")
