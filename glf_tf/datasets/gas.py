# SPDX-License-Identifier: Apache-2.0
"""GAS: readings of sensors in mixtures of gases.

Fonollosa et al., "Gas sensor array under dynamic gas mixtures", UCI Machine Learning
Repository, 2015. https://doi.org/10.24432/C5WP4C
"""

__all__ = ["Gas"]

import pathlib

import numpy as np

from glf_tf import errors
from glf_tf.datasets import archived

_SENSORS = 16
_ALIKE = 0.98
_CONVERT = (
    "import numpy, pandas; x = pandas.read_pickle('ethylene_CO.pickle'); "
    "numpy.save('ethylene_CO.npy', x.drop(columns=['Time', 'Meth', 'Eth']))"
)


class Gas(archived.AbstractArchived):
    """GAS: 852,174, 94,685 and 105,206 rows of 8 numbers.

    Of the 16 sensors, one that is correlated above 0.98 with a later one is left out.
    The rows are standardised, the test's among them, as in the released code.

    The archive's file is a pickle, which could run any program when it is opened:
    nothing is unpickled here. It is converted once, by Python in its folder:

        import numpy, pandas; x = pandas.read_pickle('ethylene_CO.pickle');
        numpy.save('ethylene_CO.npy', x.drop(columns=['Time', 'Meth', 'Eth']))

    Args:
        paths: Searched for gas/ethylene_CO.npy in `data_dir/data` or `data_dir`.
    """

    set_name = "gas"
    files = ("gas/ethylene_CO.npy",)
    event_dim = 8

    def _prepare(self, file: pathlib.Path) -> archived.Splits:
        rows = np.asarray(archived.read(file, columns=_SENSORS), np.float64)
        rows = rows[:, _unlike(rows)]
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1)
        return archived.in_tenths(rows)

    def _refuse_other_forms(self, folder: pathlib.Path) -> None:
        pickled = (folder / self.files[0]).with_suffix(".pickle")
        if pickled.exists():
            raise errors.NotFound(
                f"The set gas is {self.files[0]}, since a pickle could run any program",
                received=f"{pickled} alone",
                do=f'Convert it in its folder, by python -c "{_CONVERT}"',
            )


def _unlike(rows: np.ndarray) -> list[int]:
    """Returns the columns without those that are nearly a later one."""
    are_alike = np.corrcoef(rows, rowvar=False) > _ALIKE
    kept = list(range(rows.shape[1]))
    while True:
        counts = are_alike[np.ix_(kept, kept)].sum(axis=1)
        if not (counts > 1).any():
            return kept
        del kept[int(np.argmax(counts > 1))]
