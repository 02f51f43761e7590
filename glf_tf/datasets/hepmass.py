# SPDX-License-Identifier: Apache-2.0
"""HEPMASS: simulated collisions of particles, those that make a new one.

Baldi, Cranmer, Faucett, Sadowski, Whiteson, "Parameterized neural networks for
high-energy physics", 2016. https://doi.org/10.24432/C5PP5W
"""

__all__ = ["Hepmass"]

import pathlib

from glf_tf.datasets import archived

_OFTEN = 5


class Hepmass(archived.AbstractArchived):
    """HEPMASS: 315,123, 35,013 and 174,987 rows of 21 numbers.

    They are the rows of class 1 in the 1000 set, without the class. Columns whose least
    value occurs more than 5 times are left out, as in the released code, whose comment
    says any value. The last tenth of the training file is for validation.

    Args:
        paths: Searched for hepmass/1000_train.csv and 1000_test.csv in `data_dir/data`
            or `data_dir`.
    """

    set_name = "hepmass"
    files = ("hepmass/1000_train.csv", "hepmass/1000_test.csv")
    event_dim = 21

    def _prepare(
        self, train_file: pathlib.Path, test_file: pathlib.Path
    ) -> archived.Splits:
        train = archived.read(train_file, columns=1 + self.event_dim)
        # The test file has a column more, which belongs to other sets.
        test = archived.read(test_file, columns=train.shape[1])[:, : train.shape[1]]
        train, test = (rows[rows[:, 0] == 1.0, 1:] for rows in (train, test))
        mean, deviation = train.mean(axis=0), train.std(axis=0, ddof=1)
        least = (train == train.min(axis=0)).sum(axis=0)
        train, test = (
            ((rows - mean) / deviation)[:, least <= _OFTEN] for rows in (train, test)
        )
        train, validation = archived.last_tenth(train)
        return {"train": train, "validation": validation, "test": test}
