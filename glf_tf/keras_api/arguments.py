# SPDX-License-Identifier: Apache-2.0
"""Arguments as users of Keras type them, checked and in the terms of the loop."""

__all__ = [
    *("epochs", "held_out", "is_silent", "no_others"),
    *("patience", "validation", "whole"),
]

import inspect
import numbers
import operator
from collections.abc import Callable, Mapping

from glf_tf import errors
from glf_tf.data import image_set

_VERBOSE = ("auto", 0, 1, 2)
_MOST = 2**31 - 1


def whole(name: str, value: object, *, least: int = 0) -> int:
    """Returns a whole number as an int.

    Args:
        name: The argument.
        value: What was given.
        least: Its minimum; the maximum is 2^31 - 1.

    Raises:
        InvalidType: It is no whole number.
        InvalidValue: It is out of range.
    """
    try:
        # A bool is an int to Python, and a mistake here.
        known = operator.index("" if isinstance(value, bool) else value)
    except TypeError as error:
        raise errors.InvalidType(
            f"`{name}` must be a whole number",
            received=_shown(name, value),
            do=f"Pass for instance {name}={max(least, 1)}",
        ) from error
    if not least <= known <= _MOST:
        raise errors.InvalidValue(
            f"`{name}` must lie between {least:,} and {_MOST:,}",
            received=_shown(name, value),
            do="Use a number in that range",
        )
    return known


def epochs(value: object) -> dict[str, int]:
    """Returns epochs by stage, of a plain number those of every stage.

    Raises:
        InvalidType: A number is not whole, or a stage is not given by its name.
        InvalidValue: A number is out of range.
    """
    if not isinstance(value, Mapping):
        return {"": whole("epochs", value)}
    for stage in value:
        if not isinstance(stage, str):
            raise errors.InvalidType(
                "Stages are given by their names",
                received=_shown("epochs", value),
                do='Use for instance epochs={"": 10, "flow": 5}',
            )
    return {stage: whole("epochs", number) for stage, number in value.items()}


def patience(value: object, *, has_validation: bool) -> int:
    """Returns after how many epochs without improvement a stage ends; 0 for never.

    Raises:
        InvalidType: It is no whole number.
        InvalidValue: It is out of range, or there is nothing to validate on.
    """
    known = whole("patience", value)
    if known and not has_validation:
        raise errors.InvalidValue(
            "`patience` waits for a smaller loss on examples that are not trained on",
            received=f"patience={known} without validation_data",
            do="Pass validation_data, or for instance validation_split=0.1",
        )
    return known


def is_silent(verbose: object) -> bool:
    """Returns whether nothing is shown.

    Raises:
        InvalidValue: It is none of Keras' values.
    """
    if not isinstance(verbose, (int, str)) or verbose not in _VERBOSE:
        raise errors.InvalidValue(
            "`verbose` must be 0 for silence, or 1, 2 or auto",
            received=_shown("verbose", verbose),
            do="Use one of them",
        )
    return verbose == 0


def validation(value: object) -> tuple[object, object]:
    """Returns the images of `validation_data`, and the labels of a pair, or None."""
    if not isinstance(value, tuple) or len(value) not in (1, 2):
        return value, None
    return (*value, None)[:2]


def held_out(
    images: image_set.ImageSet, fraction: object
) -> tuple[image_set.ImageSet, image_set.ImageSet]:
    """Returns all images but the last ones, and the last ones, as Keras divides them.

    Args:
        images: The images.
        fraction: Fraction of the last ones.

    Raises:
        InvalidValue: It is not in (0, 1), or leaves no image on a side.
    """
    is_number = isinstance(fraction, numbers.Real)
    first = int(len(images) * (1.0 - fraction)) if is_number else 0
    if not 0 < first < len(images):
        raise errors.InvalidValue(
            "`validation_split` must be a fraction that leaves some on both sides",
            received=f"{_shown('validation_split', fraction)} of {len(images)} "
            f"{images.noun}",
            do="Use for instance 0.1",
        )
    return images.take(first), images.select(slice(first, None))


def no_others(method: Callable, given: Mapping[str, object]) -> None:
    """Refuses arguments of Keras' that a method does not have.

    Raises:
        Unsupported: There is one.
    """
    for name, value in given.items():
        kinds = inspect.signature(method).parameters.values()
        known = [each.name for each in kinds if each.kind is not each.VAR_KEYWORD]
        raise errors.Unsupported(
            f"`{method.__name__}` runs the loop of stages, and not that of Keras",
            received=_shown(name, value),
            do=errors.suggestion(name, known),
        )


def _shown(name: str, value: object) -> str:
    return f"{name}={value!r}".partition("\n")[0][:80]
