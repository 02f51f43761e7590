# SPDX-License-Identifier: Apache-2.0
"""Numbers as they are written."""

import re

import numpy as np
import pytest

from glf_tf.metrics import written

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (93.61, 0.81, "93.61 ± 0.81"),
        (0.02043, 0.0012, "0.0204 ± 0.0012"),
        (0.0007516, 8.4e-5, "0.000752 ± 0.000084"),
        (139.7, 2.1, "139.7 ± 2.1"),
        (748.81, 0.0014, "748.8 ± 0.0014"),
        (1, 5.8e-5, "1.000 ± 0.000058"),
        (1, 0, "1 ± 0"),
        (0, 0, "0 ± 0"),
        (0, 0.01, "0.000 ± 0.010"),
        (15234.2, 1234, "15,234 ± 1,234"),
        (0.0996, 0.0996, "0.10 ± 0.10"),
        (-4.2, 0.3, "-4.20 ± 0.30"),
        (2e-6, 3e-7, "2.000e-06 ± 3.0e-07"),
        (8, 2**0.5, "8.0 ± 1.4"),
        (NAN, 0.1, "nan ± 0.1"),
        (INF, 0.1, "inf ± 0.1"),
        (2, NAN, "2 ± nan"),
        (0.00075163, None, "0.0007516"),
        (1234.5678, None, "1235"),
        (12345.678, None, "12,346"),
        (INF, None, "inf"),
    ],
)
def test_a_deviation_says_how_many_digits_count(mean, deviation, text):
    assert written.number(mean, deviation) == text


def test_what_is_written_is_what_was_measured():
    generator = np.random.default_rng(0)
    for scale in 10.0 ** np.arange(-9, 9):
        mean, deviation = scale * generator.normal(), abs(generator.normal())
        for spread in (scale * deviation, scale * deviation / 1e3, 10 * scale):
            text = written.number(mean, spread).replace(",", "")
            left, right = map(float, re.fullmatch(r"(\S+) ± (\S+)", text).groups())
            assert right == pytest.approx(spread, rel=0.051)
            assert left == pytest.approx(mean, rel=1e-3, abs=0.051 * spread)
