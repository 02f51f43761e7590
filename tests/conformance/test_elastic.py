# SPDX-License-Identifier: Apache-2.0
"""However many replicas there are, a run is the same, and may go on with others."""

import json
import pathlib
import subprocess
import sys

import numpy as np

from tests import replicas

ROOT = pathlib.Path(__file__).parents[2]


def test_1_2_and_4_replicas_see_the_same_images_in_the_same_order():
    done = subprocess.run(
        [sys.executable, "-m", "tests.replicas"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, two, four = json.loads(done.stdout.splitlines()[-1]).values()
    assert one == two == four
    assert np.shape(one) == (replicas.BATCHES, replicas.BATCH_SIZE)
    assert len(np.unique(one[2:5])) == 24  # an epoch sees no image twice
