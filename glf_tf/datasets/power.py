# SPDX-License-Identifier: Apache-2.0
"""POWER: electric power consumption of a household, a minute a row.

UCI Machine Learning Repository, "Individual household electric power consumption",
2012. https://doi.org/10.24432/C58K54
"""

__all__ = ["Power"]

import pathlib

import numpy as np

from glf_tf.datasets import archived

_COLUMNS = 8
_KEPT = (0, 2, 4, 5, 6, 7)
"""Active power, voltage, three meters and the time; without reactive power and current.
"""


class Power(archived.AbstractArchived):
    """POWER: 1,659,917, 184,435 and 204,928 rows of 6 numbers.

    The rows are shuffled, get uniform noise of the width of their last digit, and are
    standardised, all with the seed of the released code.

    Args:
        paths: Searched for power/data.npy in `data_dir/data` or `data_dir`.
    """

    set_name = "power"
    files = ("power/data.npy",)
    event_dim = 6

    def _prepare(self, file: pathlib.Path) -> archived.Splits:
        rows = archived.read(file, columns=_COLUMNS)
        random = np.random.RandomState(42)
        rows = rows[random.permutation(len(rows))][:, _KEPT].astype(np.float64)
        # In this order, on which the values depend.
        rows[:, 1:2] += 0.01 * random.rand(len(rows), 1)
        rows[:, 0:1] += 0.001 * random.rand(len(rows), 1)
        rows[:, 2:5] += random.rand(len(rows), 3)
        return archived.standardized(archived.in_tenths(rows))
