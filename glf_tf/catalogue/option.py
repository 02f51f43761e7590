# SPDX-License-Identifier: Apache-2.0
"""An option of a part: a keyword of its constructor, and its possible values."""

__all__ = ["Option"]

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Option:
    """A keyword of a constructor that has a default.

    Attributes:
        name: The keyword.
        kind: The kind of its values: "int", "float", "bool", "str", "path", "choice",
            "part", "layer_path" for a path in whose place Python can also give a Keras
            layer, or "object" for values that only Python can give.
        default: Its default.
        help: Its description in the docstring's `Args`.
        part: The kind of part that it holds, if `kind` is "part".
        choices: Its possible values, if `kind` is "choice".
        is_sequence: Whether it has several values of `kind`.
        length: Their number, if fixed.
        is_optional: Whether it may be None.
        made_by: The class, as `module:Class`, that converts a JSON value: an
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
        """Whether its value is a part."""
        return self.part is not None

    @property
    def is_flag(self) -> bool:
        """Whether it can be given on the command line."""
        return self.kind != "object"
