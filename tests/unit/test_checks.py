# SPDX-License-Identifier: Apache-2.0
"""Checks of numbers: what they give back, and what they refuse."""

import pytest

from glf_tf import checks, errors

NO_NUMBERS = [float("inf"), float("nan"), -float("inf")]


def test_good_numbers_are_given_back():
    assert checks.not_negative("share", 0.0) == 0.0
    assert checks.positive("share", 1e-9) == 1e-9
    assert checks.at_least("size", 3, 3) == 3


@pytest.mark.parametrize("value", [-1e-9, *NO_NUMBERS])
def test_numbers_below_zero_and_none_are_refused(value):
    with pytest.raises(errors.InvalidValue, match="`share` must not be negative, inf"):
        checks.not_negative("share", value)


@pytest.mark.parametrize("value", [0.0, -1.0, *NO_NUMBERS])
def test_numbers_that_are_not_positive_are_refused(value):
    with pytest.raises(errors.InvalidValue, match="`share` must be positive, and fin"):
        checks.positive("share", value)


def test_small_sizes_are_refused_with_a_reason():
    with pytest.raises(errors.InvalidValue, match="`size` must be at least 3, so it"):
        checks.at_least("size", 2, 3, why="so it is")
