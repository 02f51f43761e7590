# SPDX-License-Identifier: Apache-2.0
"""Errors that a user can cause, each with a message in three parts.

The rule, what was received, and what to do:

    InvalidValue(
        "`latent_dim` must be even for half masks",
        received="latent_dim=63",
        do="Use an even number",
    )

reads "`latent_dim` must be even for half masks. Received: latent_dim=63. Use an even
number." The tools print such an error as one line and exit with its `status`: 2 where
the command is wrong, 1 where the world is (a file, a disk, a number that overflows), 75
where the same command may work later. Every other exception is a bug of ours and keeps
its stack trace.
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
    "suggestion",
]

import difflib
import os
from collections.abc import Iterable

BAD_COMMAND = 2
"""Exit status where what was asked for is wrong."""

BAD_WORLD = 1
"""Exit status where files, disks, memory or numbers are not as they must be."""

_NEAR = 3
"""How many near names advice has."""


class UserError(Exception):
    """An error with a three-part message; the base of all errors below.

    Attributes:
        rule: What must hold.
        received: What was given instead.
        do: What the user can do about it.
        status: The exit status of a tool that ends with the error.
    """

    status = BAD_COMMAND

    # Keras would make another error, of many lines, of one that passes through a layer.
    _keras_call_info_injected = True

    def __init__(self, rule: str, *, received: object, do: str):
        self.rule, self.received, self.do = rule, printable(received), printable(do)
        super().__init__(f"{rule}. Received: {self.received}. {self.do}.")


class InvalidValue(UserError, ValueError):
    """A value of the right kind that breaks a rule."""


class InvalidType(UserError, TypeError):
    """A value of the wrong kind."""


class Unsupported(UserError, NotImplementedError):
    """A capability that the model or the machine does not have."""


class NotFound(UserError, FileNotFoundError):
    """Files that were looked for and are not there."""

    status = BAD_WORLD

    def __str__(self) -> str:
        """Returns the message; OSError would print its own otherwise."""
        return str(self.args[0])


class Damaged(UserError, ValueError):
    """A file or folder whose content is cut off, changed, or of another kind."""

    status = BAD_WORLD


class Occupied(UserError, FileExistsError):
    """A file, folder or link that the library did not write, and leaves alone."""

    status = BAD_WORLD

    def __str__(self) -> str:
        """Returns the message; OSError would print its own otherwise."""
        return str(self.args[0])


class Diverged(UserError, ArithmeticError):
    """A computation that left the finite numbers."""

    status = BAD_WORLD


class Exhausted(UserError, RuntimeError):
    """A machine that ran out of memory, or of room on a disk."""

    status = BAD_WORLD


class Lost(UserError, RuntimeError):
    """Other workers that are gone, or never came."""

    status = os.EX_TEMPFAIL


def printable(text: object) -> str:
    """Returns text that is one line on any terminal, whatever files are called.

    Line breaks, other control characters, and bytes that are no UTF-8 are escaped.
    """
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode()
        for one in str(text)
    )


class Busy(UserError, RuntimeError):
    """A folder that another process works in meanwhile."""

    status = os.EX_TEMPFAIL


def near(name: str, known: Iterable[str]) -> list[str]:
    """Returns the known names that are like an unknown one: at most three.

    Names in folders, and options of parts, are also looked for by their last word:
    "digit" is near "glf/digits", and "hiden" near "network.hidden".
    """
    known = list(known)
    leaves: dict[str, list[str]] = {}
    for found in known:
        leaves.setdefault(_leaf(found), []).append(found)
    whole = difflib.get_close_matches(name, known, n=_NEAR)
    by_leaf = difflib.get_close_matches(_leaf(name), leaves, n=_NEAR)
    found = [*whole, *(found for leaf in by_leaf for found in leaves[leaf])]
    return list(dict.fromkeys(found))[:_NEAR]


def _leaf(name: str) -> str:
    return name.replace("/", ".").rpartition(".")[2]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Returns advice for an unknown name: the closest known one, and all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    start = f"Did you mean {close[0]}? " if close else ""
    return f"{start}Use one of: {', '.join(known) or '(there are none)'}"
