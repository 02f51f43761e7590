# SPDX-License-Identifier: Apache-2.0
"""However many replicas there are, a run is the same, and may go on with others."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from glf_tf import export
from glf_tf.experiments import experiment, folder, plan
from glf_tf.training import loop
from tests import replicas
from tests.unit.experiments import test_experiment

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


def test_a_run_goes_on_with_two_replicas_and_with_one_again(tmp_path, monkeypatch):
    """Its terms and weights are those of a run on one device, but for rounding."""
    monkeypatch.setattr(export, "export", lambda *_, **__: ())
    one = dataclasses.replace(
        test_experiment.make_plan(batch_size=700),
        reports=plan.Reports(log_every=1, draw_every=0, export=False),
    )
    two = dataclasses.replace(one, devices=plan.Devices(strategy="mirrored"))
    whole, elastic = (folder.Folder(tmp_path / name) for name in ("whole", "elastic"))
    experiment.train(one, whole)
    for chosen, stop_at in ((one, 1), (two, 3)):
        with pytest.raises(loop.Stopped):
            experiment.train(chosen, elastic, resume=True, stop_at=stop_at)
    experiment.train(one, elastic, resume=True)

    entries = elastic.read()["history"]
    assert [(e["step"], e["replicas"]) for e in entries] == [(0, 1), (1, 2), (3, 1)]
    pairs = zip(
        test_experiment.lines(whole.path),
        test_experiment.lines(elastic.path),
        strict=True,
    )
    for expected, found in pairs:
        assert expected.keys() == found.keys()
        for name in expected:
            np.testing.assert_allclose(
                found[name], expected[name], rtol=1e-4, err_msg=name
            )
    expected = test_experiment.variables(whole.path)
    for name, value in test_experiment.variables(elastic.path).items():
        if "optimizer" not in name:
            np.testing.assert_allclose(
                value, expected[name], rtol=1e-3, atol=1e-5, err_msg=name
            )
