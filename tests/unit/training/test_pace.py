# SPDX-License-Identifier: Apache-2.0
"""Tests of how many steps a call takes."""

import pytest

from glf_tf.training import pace as pace_lib


def test_the_first_call_counts_for_nothing():
    pace = pace_lib.Pace()
    assert pace.steps == 1
    pace.observe(1, seconds=60.0)  # it traces
    assert pace.steps == 1


@pytest.mark.parametrize("seconds_per_step", [0.3, 0.02, 0.0001])
def test_calls_grow_until_they_take_half_a_second(seconds_per_step):
    pace = pace_lib.Pace()
    pace.observe(1, seconds=0.0)
    before = pace.steps
    for _ in range(20):
        pace.observe(pace.steps, seconds=pace.steps * seconds_per_step)
        assert 1 <= pace.steps <= 4 * before
        before = pace.steps
    wanted = pace_lib.SECONDS_PER_CALL / seconds_per_step
    assert max(1, 0.9 * wanted) - 1 <= pace.steps <= max(1, wanted) + 1


def test_a_call_has_at_least_one_step():
    pace = pace_lib.Pace()
    for _ in range(3):
        pace.observe(pace.steps, seconds=100.0)
        assert pace.steps == 1
