# SPDX-License-Identifier: Apache-2.0
"""Checks on the values of flags that absl does not know."""

__all__ = [
    "needed",
    "one_of",
    "refuse_beside",
    "refuse_unused",
    "choices",
    "indices",
    "columns",
    "seed",
]

import pathlib
import re
from collections.abc import Mapping, Sequence

from absl import flags

from glf_tf import errors

FLAGS = flags.FLAGS


def needed(name: str) -> str:
    """Returns the value of a flag that has no default.

    Raises:
        InvalidValue: It was not given.
    """
    value = FLAGS[name].value
    if value in (None, "", []):
        raise errors.InvalidValue(
            f"--{name} must be given",
            received="no value",
            do=f"Pass --{name}=...; --help says what it means",
        )
    return value


def one_of(*names: str) -> str:
    """Returns which one of some flags was given.

    Raises:
        InvalidValue: None was, or several.
    """
    given = [name for name in names if FLAGS[name].value]
    if len(given) != 1:
        raise errors.InvalidValue(
            f"Exactly one of {', '.join('--' + name for name in names)} must be given",
            received=", ".join("--" + name for name in given) or "none",
            do="Pass one of them",
        )
    return given[0]


def refuse_beside(name: str, others: Mapping[str, object]) -> None:
    """Refuses flags that another flag decides.

    Raises:
        InvalidValue: There is one.
    """
    for other, value in others.items():
        raise errors.InvalidValue(
            f"--{name} decides --{other}",
            received=f"--{name}={FLAGS[name].value} and --{other}={value}",
            do="Leave one of the two out",
        )


def refuse_unused(names: Sequence[str], *, needs: str, is_given: bool) -> None:
    """Refuses flags that would do nothing.

    Args:
        names: The flags.
        needs: What they are of use with, such as "--extractor=inception".
        is_given: Whether that is given.

    Raises:
        InvalidValue: It is not, and one of them has another value than its default.
    """
    for name in names:
        if not is_given and FLAGS[name].value != FLAGS[name].default:
            raise errors.InvalidValue(
                f"--{name} is of use only with {needs}",
                received=f"--{name}={FLAGS[name].value} without it",
                do=f"Leave it out, or pass {needs}",
            )


def choices(name: str, *, known: Sequence[str]) -> list[str]:
    """Returns the values of a list flag; "all" stands for all that are known.

    Raises:
        InvalidValue: One is not known, or there is none.
    """
    chosen = FLAGS[name].value
    if chosen == ["all"]:
        return list(known)
    for value in chosen or [""]:
        if value not in known:
            raise errors.InvalidValue(
                f"--{name} takes names with commas between",
                received=f"{value!r}",
                do=errors.suggestion(value, known),
            )
    return chosen


def indices(texts: Sequence[str], *, count: int) -> list[int]:
    """Returns indices from their texts.

    Raises:
        InvalidValue: They are not `count` whole numbers.
    """
    if len(texts) != count or not all(text.strip().isdigit() for text in texts):
        raise errors.InvalidValue(
            f"Images are chosen by {count} whole numbers with commas between",
            received=",".join(texts),
            do="Use for instance 3,17",
        )
    return [int(text) for text in texts]


def columns(path: pathlib.Path) -> int | None:
    """Returns `--columns`; None where it is not given.

    Raises:
        InvalidValue: It is given, and what is written has none.
    """
    if FLAGS.columns is not None and path.suffix != ".png":
        raise errors.InvalidValue(
            "--columns are those of a grid, NAME.png",
            received=f"--columns={FLAGS.columns} for {path}",
            do="Leave it out, or write a grid",
        )
    return FLAGS.columns


def seed(text: str) -> tuple[int, int]:
    """Returns the seed that `--seed=3` or `--seed=3,1` means.

    Raises:
        InvalidValue: It is neither, or does not fit into int32.
    """
    # Loads TensorFlow, which what prints help does without.
    from glf_tf import seeds

    parts = text.split(",")
    if len(parts) > 2 or not all(re.fullmatch(r"-?[0-9]{1,19}", p) for p in parts):
        raise errors.InvalidValue(
            "A seed is a whole number, or two with a comma between",
            received=f"seed={text}",
            do="Use for instance --seed=3",
        )
    first, second = (seeds.checked(int(part)) for part in [*parts, "0"][:2])
    return first, second
