# SPDX-License-Identifier: Apache-2.0
"""A measured number as readers meet it, in every table, report and card."""

__all__ = ["number"]

import math

_DIGITS = 4
"""Significant digits of a number whose deviation is unknown or smaller."""

_SMALL = 1e-4
"""Below this, both numbers of a measurement are written as powers of ten."""


def number(mean: float, deviation: float | None = None) -> str:
    """Returns a mean and its deviation, such as "0.0204 ± 0.0012".

    The deviation has two significant digits, and the mean ends where it ends, or with
    its own fourth digit if that comes first.

    Args:
        mean: The number.
        deviation: Its standard deviation, 0 or more; None for none.
    """
    if deviation is None:
        return _alone(mean)
    if deviation == 0 or not (math.isfinite(mean) and math.isfinite(deviation)):
        return f"{_alone(mean)} ± {_alone(deviation)}"
    if max(abs(mean), deviation) < _SMALL:
        return f"{mean:.{_DIGITS - 1}e} ± {deviation:.1e}"
    own = _decimals(mean, digits=_DIGITS)
    of_deviation = _decimals(deviation, digits=2)
    return f"{mean:,.{min(own, of_deviation)}f} ± {deviation:,.{of_deviation}f}"


def _alone(value: float) -> str:
    return f"{value:,.0f}" if 1e4 <= abs(value) < math.inf else f"{value:.{_DIGITS}g}"


def _decimals(value: float, *, digits: int) -> int:
    """Returns after how many decimals a number has so many significant digits."""
    if value == 0:
        return digits
    # By way of the text, whose rounding may add a digit: 0.0996 is 0.10.
    exponent = int(f"{abs(value):.{digits - 1}e}".partition("e")[2])
    return max(digits - 1 - exponent, 0)
