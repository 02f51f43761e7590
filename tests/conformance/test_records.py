# SPDX-License-Identifier: Apache-2.0
"""The records of the repository are of the trainings that its tables list today.

A record names recipes and flags; this finds a recipe that has changed since.
"""

import pathlib

import pytest

from glf_tf import resources
from glf_tf.cli import trainings
from glf_tf.comparison import folder as folder_lib
from glf_tf.evidence import records, table_reader

RECORDS = resources.TABLES / "records"
NAMES = sorted(name for name in resources.tables() if (RECORDS / name).is_dir())

LATER = {"gradient_norms"}
"""Flags that are younger than some records, whose defaults change no training."""


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_of_what_its_row_trains_today(name, tmp_path):
    table = table_reader.read(resources.tables()[name])
    jobs = trainings.of_table(
        table,
        rows=list(table.rows),
        seeds=[],
        folder=folder_lib.Folder(tmp_path),
        flags=[f"--data_dir={tmp_path}"],
    )
    planned = {(row.name, job.seed): job.training for job, row in jobs}
    for row in table.rows:
        for found in records.read(pathlib.Path(RECORDS), table, row):
            now = planned[row.name, found.seed]
            now = {name: now[name] for name in now if name != "start_from"}
            assert dict(found.flags) == {
                name: value
                for name, value in now.items()
                if name in found.flags or name not in LATER
            }, row.name
