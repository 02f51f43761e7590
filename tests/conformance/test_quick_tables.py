# SPDX-License-Identifier: Apache-2.0
"""Each table of the digits gives a whole table with its quick budget.

Minutes each: with `--tables=1` one of them is trained, with `--tables=9` all.
"""

import os
import subprocess
import sys

import pytest

from glf_tf import resources
from glf_tf.evidence import table_reader

NAMES = sorted(name for name in resources.tables() if name.endswith("_digits"))


def pytest_generate_tests(metafunc):
    """Takes as many tables as are asked for."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", NAMES[: metafunc.config.getoption("--tables")])


@pytest.mark.slow
def test_a_quick_budget_gives_a_whole_table(name, tmp_path):
    asked = (f"--table={name}", "--budget=quick", f"--out={tmp_path}/out")
    done = subprocess.run(
        [sys.executable, str(resources.TOOLS / "reproduce.py"), *asked],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(resources.TOOLS.parent)},
    )
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "out/table.md").read_text()
    for row in table_reader.read(resources.tables()[name]).rows:
        assert f"| {row.title} |" in written
    assert "failed" not in written
