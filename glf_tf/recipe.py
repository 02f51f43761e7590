# SPDX-License-Identifier: Apache-2.0
"""Recipes: files of flags, one a line, that may begin with other recipes.

    # What follows a hash sign at the start of a line is for people.
    --flagfile=../base/mnist.cfg
    --latent_dim=20

A path in a recipe is relative to the recipe; on the command line, to the working
folder. A part that is chosen anew forgets the options of the one before:
`--prior=normal` after `--prior=mixture` and `--prior.components=10` drops both.
"""

__all__ = ["Argument", "expand", "last_value"]

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

from glf_tf import errors

_PREFIX = "--flagfile="


@dataclasses.dataclass(frozen=True)
class Argument:
    """A command-line argument.

    Attributes:
        text: The argument, such as "--latent_dim=20".
        origin: Where it stands: "" for the command line, or a file and line.
    """

    text: str
    origin: str = ""


def expand(arguments: Iterable[str]) -> list[Argument]:
    """Returns the arguments with every `--flagfile=FILE` replaced by the file's lines.

    Raises:
        NotFound: A file cannot be read.
        InvalidValue: A line is no flag, or a recipe includes itself.
    """
    expanded = []
    for text in arguments:
        if text.startswith(_PREFIX):
            expanded += _read(pathlib.Path(text[len(_PREFIX) :]), including=())
        else:
            expanded.append(Argument(text))
    return _without_replaced_parts(expanded)


def _without_replaced_parts(arguments: Sequence[Argument]) -> list[Argument]:
    """Drops `--part.option=...` where another `--part=...` follows."""
    chosen, kept = {}, []
    for argument in arguments:
        name, _, value = argument.text.partition("=")
        if value and chosen.setdefault(name, value) != value:
            kept = [one for one in kept if not one.text.startswith(f"{name}.")]
            chosen[name] = value
        kept.append(argument)
    return kept


def last_value(arguments: Sequence[Argument], name: str, *, default: str) -> str:
    """Returns the value of the last `--name=value` (or `--name value`)."""
    value = default
    texts = [argument.text for argument in arguments]
    for text, following in zip(texts, [*texts[1:], ""], strict=False):
        if text.startswith(f"--{name}="):
            value = text.split("=", 1)[1]
        elif text == f"--{name}":
            value = following
    return value


def _read(file: pathlib.Path, *, including: tuple[pathlib.Path, ...]) -> list[Argument]:
    if file.resolve() in including:
        raise errors.InvalidValue(
            "A recipe must not include itself",
            received=f"{file} within {including[-1]}",
            do="Remove one of the two --flagfile lines",
        )
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.NotFound(
            "A recipe must be a text file that can be read",
            received=f"--flagfile={file} ({type(error).__name__})",
            do="Check the path; flags/ holds the library's recipes",
        ) from error
    expanded = []
    for number, line in enumerate(lines, start=1):
        expanded += _parse(line, file=file, number=number, including=including)
    return expanded


def _parse(
    line: str, *, file: pathlib.Path, number: int, including: tuple[pathlib.Path, ...]
) -> list[Argument]:
    line = line.strip()
    if not line or line.startswith("#"):
        return []
    if not line.startswith("--"):
        raise errors.InvalidValue(
            "A line of a recipe is a flag, --name=value, or begins with #",
            received=f"{line!r} in {file}, line {number}",
            do="Mend the line",
        )
    if line.startswith(_PREFIX):
        inner = file.parent / line[len(_PREFIX) :]
        return _read(inner, including=(*including, file.resolve()))
    return [Argument(line, origin=f"{file}, line {number}")]
