# SPDX-License-Identifier: Apache-2.0
"""Errors that a user can cause, each with a message in three parts.

The rule, what was received, and what to do:

    InvalidValue(
        "`latent_dim` must be even for half masks",
        received="latent_dim=63",
        do="Use an even number",
    )

reads "`latent_dim` must be even for half masks. Received: latent_dim=63. Use an even
number." The tools print such an error as one line and exit with its `status`: 2 if the
command is wrong, 1 if something else is (a file, a disk, a number that overflows), 75
if the same command may work later. Every other exception is a bug of the library and
keeps its stack trace.
"""

__all__ = [
    "BAD_COMMAND",
    "BAD_WORLD",
    "UserError",
    "InvalidValue",
    "InvalidType",
    "Unsupported",
    "NotFound",
    "Damaged",
    "Occupied",
    "Diverged",
    "Exhausted",
    "Lost",
    "Busy",
    "near",
    "printable",
    "question",
    "suggestion",
    "line_of",
]

import difflib
import os
from collections.abc import Iterable, Sequence

BAD_COMMAND = 2
"""Exit status if the command is wrong."""

BAD_WORLD = 1
"""Exit status for problems with files, disks, memory or numbers."""

_NEAR = 3
"""Maximum number of suggested names."""

_LIKE = 0.65
"""How much of two names must be alike, as `difflib` counts, to suggest one."""


class UserError(Exception):
    """An error with a three-part message; the base of all errors below.

    Attributes:
        rule: What must hold.
        received: What was given instead.
        do: What the user can do about it.
        status: The exit status of a tool that ends with the error.
    """

    status = BAD_COMMAND

    # Keras would replace an error that passes through a layer by one of many lines.
    _keras_call_info_injected = True

    def __init__(self, rule: str, *, received: object, do: str):
        self.rule, self.received, self.do = rule, printable(received), printable(do)
        super().__init__(f"{rule}. Received: {self.received}. {self.do}.")


class InvalidValue(UserError, ValueError):
    """An invalid value of the right type."""


class InvalidType(UserError, TypeError):
    """A value of the wrong type."""


class Unsupported(UserError, NotImplementedError):
    """A capability that the model or the machine does not have."""


class NotFound(UserError, FileNotFoundError):
    """Files that do not exist."""

    status = BAD_WORLD

    def __str__(self) -> str:
        """Returns the message; OSError would print its own otherwise."""
        return str(self.args[0])


class Damaged(UserError, ValueError):
    """A file or folder whose content is truncated, changed, or of another format."""

    status = BAD_WORLD


class Occupied(UserError, FileExistsError):
    """A file, folder or link that the library did not write, and must not replace."""

    status = BAD_WORLD

    def __str__(self) -> str:
        """Returns the message; OSError would print its own otherwise."""
        return str(self.args[0])


class Diverged(UserError, ArithmeticError):
    """A computation with NaN or infinite results."""

    status = BAD_WORLD


class Exhausted(UserError, RuntimeError):
    """A machine out of memory or disk space."""

    status = BAD_WORLD


class Lost(UserError, RuntimeError):
    """Other workers that are gone, or never started."""

    status = os.EX_TEMPFAIL


def printable(text: object) -> str:
    """Returns text as one line for a terminal.

    Line breaks, other control characters, and invalid UTF-8 are escaped.
    """
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape").decode()
        for character in str(text)
    )


def line_of(error: Exception) -> str:
    """Returns an error's message in a line, without the graph that TensorFlow adds."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    telling = [line for line in lines if "OOM" in line or "space" in line] or lines
    return telling[0].split("}} ")[-1].split(" [Op:")[0].strip()


class Busy(UserError, RuntimeError):
    """A folder in use by another process."""

    status = os.EX_TEMPFAIL


def near(name: str, known: Iterable[str]) -> list[str]:
    """Returns at most three known names that are similar to an unknown one.

    Names in folders, and options of parts, are also compared by their last word:
    "digit" is near "glf/digits", and "hiden" near "network.hidden". Those with the same
    one come first: "gan/folder" is near "glf/folder".
    """
    known = list(known)
    leaves: dict[str, list[str]] = {}
    for found in known:
        leaves.setdefault(_leaf(found), []).append(found)
    same = leaves.get(_leaf(name), [])
    same = difflib.get_close_matches(name, same, n=_NEAR, cutoff=0.0)  # in their order
    whole = difflib.get_close_matches(name, known, n=_NEAR, cutoff=_LIKE)
    by_leaf = difflib.get_close_matches(_leaf(name), leaves, n=_NEAR, cutoff=_LIKE)
    found = [*same, *whole, *(found for leaf in by_leaf for found in leaves[leaf])]
    return list(dict.fromkeys(found))[:_NEAR]


def question(names: Sequence[str]) -> str:
    """Returns "Did you mean a or b? " of near names; "" if there are none."""
    return f"Did you mean {' or '.join(names)}? " if names else ""


def _leaf(name: str) -> str:
    return name.replace("/", ".").rpartition(".")[2]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Returns advice for an unknown name: the closest known one, and all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    start = f"Did you mean {close[0]}? " if close else ""
    return f"{start}Use one of: {', '.join(known) or '(there are none)'}"
