# SPDX-License-Identifier: Apache-2.0
"""An option of a part: a keyword of its constructor, and the values that it takes."""

__all__ = ["Option"]

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Option:
    """A keyword of a constructor that has a default.

    Attributes:
        name: The keyword.
        kind: What its values are: "int", "float", "bool", "str", "path", "choice",
            "part", or "object" for what no text says, so that only Python can give it.
        default: Its default.
        help: Its text in the docstring's `Args`.
        part: The kind of part that it holds, where `kind` is "part".
        choices: The values that it may have, where `kind` is "choice".
        is_sequence: Whether it holds several values of `kind`.
        length: How many, where that is fixed.
        is_optional: Whether it may be None.
        made_by: The class, `module:Class`, that makes a value of what JSON holds: an
            enumeration, or `pathlib:Path`.
    """

    name: str
    kind: str
    default: Any
    help: str = ""
    part: str | None = None
    choices: tuple[Any, ...] = ()
    is_sequence: bool = False
    length: int | None = None
    is_optional: bool = False
    made_by: str = ""

    @property
    def is_part(self) -> bool:
        """Whether its value names a part."""
        return self.part is not None

    @property
    def is_flag(self) -> bool:
        """Whether a command line can give it."""
        return self.kind != "object"
