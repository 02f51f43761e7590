# SPDX-License-Identifier: Apache-2.0
"""Checks of flag values that absl lacks."""

__all__ = [
    "needed",
    "check_given",
    "one_of",
    "refuse_beside",
    "refuse_empty",
    "refuse_unused",
    "choices",
    "indices",
    "numbers",
    "columns",
    "labels",
    "seed",
]

import math
import pathlib
import re
from collections.abc import Mapping, Sequence

from absl import flags

from glf_tf import errors

FLAGS = flags.FLAGS


def needed(name: str) -> str:
    """Returns the value of a required flag.

    Raises:
        InvalidValue: It was not given.
    """
    check_given(name)
    return FLAGS[name].value


def check_given(*names: str, instead: Mapping[str, str] | None = None) -> None:
    """Refuses a command line that lacks required flags.

    Args:
        *names: Their names.
        instead: Another flag that does in the place of one, by its name.

    Raises:
        InvalidValue: Some were not given; the message has all of them.
    """
    other = instead or {}
    ways = [(name, other[name]) if name in other else (name,) for name in names]
    missing = [
        " or ".join(f"--{flag}" for flag in way)
        for way in ways
        if all(FLAGS[flag].value in (None, "", []) for flag in way)
    ]
    if missing:
        raise errors.InvalidValue(
            f"{_joined(missing)} must be given",
            received="no value",
            do=f"Pass {' '.join(f'{each.split()[0]}=...' for each in missing)}; see "
            "--help",
        )


def _joined(words: Sequence[str]) -> str:
    """Returns words as "a, b and c"."""
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last


def one_of(*names: str) -> str:
    """Returns which one of several flags was given.

    Raises:
        InvalidValue: None or several were given.
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
    """Refuses flags that another flag determines.

    Raises:
        InvalidValue: Such a flag is given.
    """
    for other, value in others.items():
        raise errors.InvalidValue(
            f"--{name} decides --{other}",
            received=f"--{name}={FLAGS[name].value} and --{other}={value}",
            do="Remove one of the two",
        )


def refuse_empty(*names: str) -> None:
    """Refuses flags that were given without a value, which would be their default.

    Raises:
        InvalidValue: One was.
    """
    for name in names:
        if FLAGS[name].present and FLAGS[name].value in ("", []):
            raise errors.InvalidValue(
                f"--{name} needs a value",
                received=f"--{name}= (the value is empty)",
                do=f"Write --{name}=VALUE, or leave it out",
            )


def refuse_unused(names: Sequence[str], *, needs: str, is_given: bool) -> None:
    """Refuses flags that would have no effect.

    Args:
        names: The flags.
        needs: What they require, such as "--extractor=inception".
        is_given: Whether the requirement is met.

    Raises:
        InvalidValue: It is not, and a flag differs from its default.
    """
    for name in names:
        if not is_given and FLAGS[name].value != FLAGS[name].default:
            raise errors.InvalidValue(
                f"--{name} has an effect only with {needs}",
                received=f"--{name}={FLAGS[name].value} without it",
                do=f"Remove it, or pass {needs}",
            )


def choices(name: str, *, known: Sequence[str]) -> list[str]:
    """Returns the values of a list flag; "all" stands for all known ones.

    Raises:
        InvalidValue: A value is unknown, or there is none.
    """
    chosen = FLAGS[name].value
    if chosen == ["all"]:
        return list(known)
    for value in chosen or [""]:
        if value not in known:
            raise errors.InvalidValue(
                f"--{name} takes comma-separated names",
                received=f"{value!r}",
                do=errors.suggestion(value, known),
            )
    return chosen


def indices(texts: Sequence[str], *, count: int) -> list[int]:
    """Parses indices.

    Raises:
        InvalidValue: They are not `count` whole numbers.
    """
    if len(texts) != count or not all(map(_is_whole, texts)):
        raise errors.InvalidValue(
            f"Images are chosen by {count} comma-separated whole numbers",
            received=",".join(texts),
            do="Use for instance 3,17",
        )
    return [int(text) for text in texts]


def numbers(name: str) -> list[float]:
    """Returns the values of a list flag as numbers.

    Raises:
        InvalidValue: One is not a finite number, or there is none.
    """
    texts = FLAGS[name].value
    try:
        found = [float(text) for text in texts]
    except ValueError:
        found = []
    if not found or not all(map(math.isfinite, found)):
        raise errors.InvalidValue(
            f"--{name} takes comma-separated numbers",
            received=",".join(texts),
            do=f"Use for instance --{name}=1,0.18",
        )
    return found


def labels(texts: Sequence[str], *, count: int) -> list[int]:
    """Returns `count` labels, equally many of each that is given, in that order.

    Raises:
        InvalidValue: They are no whole numbers, or do not divide the count.
    """
    if not texts or not all(map(_is_whole, texts)):
        raise errors.InvalidValue(
            "--labels are comma-separated whole numbers",
            received=",".join(texts),
            do="Use for instance --labels=3,5",
        )
    if count % len(texts):
        raise errors.InvalidValue(
            "Each label has equally many samples",
            received=f"--num_samples={count} for {len(texts)} labels",
            do=f"Use a multiple of {len(texts)}",
        )
    return [int(text) for text in texts for _ in range(count // len(texts))]


def _is_whole(text: str) -> bool:
    """Returns whether a text is a whole number of at most nine digits."""
    return bool(re.fullmatch(r"\s*[0-9]{1,9}\s*", text))


def columns(path: pathlib.Path) -> int | None:
    """Returns `--columns`; None if it is not given.

    Raises:
        InvalidValue: It is given, and the output is not a grid.
    """
    if FLAGS.columns is not None and path.suffix != ".png":
        raise errors.InvalidValue(
            "--columns are those of a grid, NAME.png",
            received=f"--columns={FLAGS.columns} for {path}",
            do="Remove it, or write a grid",
        )
    return FLAGS.columns


def seed(text: str) -> tuple[int, int]:
    """Parses the seed of `--seed=3` or `--seed=3,1`.

    Raises:
        InvalidValue: It is not a seed, or does not fit into int32.
    """
    # Imported here, as it loads TensorFlow, which --help must not.
    from glf_tf import seeds

    parts = text.split(",")
    if len(parts) > 2 or not all(re.fullmatch(r"-?[0-9]{1,19}", p) for p in parts):
        raise errors.InvalidValue(
            "A seed is a whole number, or two comma-separated ones",
            received=f"seed={text}",
            do="Use for instance --seed=3",
        )
    first, second = (seeds.checked(int(part)) for part in [*parts, "0"][:2])
    return first, second
