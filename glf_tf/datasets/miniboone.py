# SPDX-License-Identifier: Apache-2.0
"""MINIBOONE: measurements of neutrinos, electron neutrinos alone.

Roe et al., "Boosted decision trees as an alternative to artificial neural networks for
particle identification", 2005. https://doi.org/10.24432/C5QC87
"""

__all__ = ["Miniboone"]

import pathlib

import numpy as np

from glf_tf.datasets import archived


class Miniboone(archived.AbstractArchived):
    """MINIBOONE: 29,556, 3,284 and 3,648 rows of 43 numbers.

    The archive's rows are without outliers, and without columns of repeated values.
    They are standardised here.

    Args:
        paths: Searched for miniboone/data.npy in `data_dir/data` or `data_dir`.
    """

    set_name = "miniboone"
    files = ("miniboone/data.npy",)
    event_dim = 43

    def _prepare(self, file: pathlib.Path) -> archived.Splits:
        rows = np.asarray(archived.read(file, columns=self.event_dim), np.float64)
        return archived.standardized(archived.in_tenths(rows))
