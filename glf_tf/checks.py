# SPDX-License-Identifier: Apache-2.0
"""Checks of numbers that are options of parts."""

__all__ = ["not_negative", "positive", "at_least"]

import math

from glf_tf import errors


def not_negative(name: str, value: float) -> float:
    """Returns a number of at least 0, such as a weight.

    Raises:
        InvalidValue: It is negative or not finite.
    """
    if not 0.0 <= value < math.inf:
        raise errors.InvalidValue(
            f"`{name}` must not be negative, infinite or NaN",
            received=f"{name}={value}",
            do="Use 0 or a positive number",
        )
    return value


def positive(name: str, value: float) -> float:
    """Returns a valid positive number.

    Raises:
        InvalidValue: It is not positive, or not finite.
    """
    if not 0.0 < value < math.inf:
        raise errors.InvalidValue(
            f"`{name}` must be positive, and finite",
            received=f"{name}={value}",
            do=f"Use a positive {name}",
        )
    return value


def at_least(name: str, value: int, least: int, *, why: str = "") -> int:
    """Returns a valid size.

    Args:
        name: The option.
        value: Its value.
        least: The minimum.
        why: The reason, if it is not obvious.

    Raises:
        InvalidValue: It is smaller.
    """
    if value < least:
        raise errors.InvalidValue(
            f"`{name}` must be at least {least}{why and ', ' + why}",
            received=f"{name}={value}",
            do=f"Use {name}={least} or more",
        )
    return value
