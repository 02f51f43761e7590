# SPDX-License-Identifier: Apache-2.0
"""Pictures of runs on vectors: of the plane, and of nothing else."""

import numpy as np
import pytest
from PIL import Image

from glf_tf.data import paths as paths_lib
from glf_tf.experiments import experiment, folder, plan
from glf_tf.training import options


def trained(workdir, *, data_dir=None, dataset):
    experiment.train(
        plan.Plan(
            model={"name": "density", "prior": {"name": "mixture", "components": 2}},
            dataset=dataset,
            training=options.Training(epochs={"": 1}, batch_size=8),
            paths=paths_lib.DataPaths(data_dir=data_dir),
        ),
        folder.Folder(workdir),
    )
    return folder.Folder(workdir).pictures


def test_a_run_in_the_plane_draws_its_density(tmp_path):
    drawn = trained(tmp_path / "run", dataset={"name": "toy", "size": 40})
    with Image.open(drawn / "density.png") as picture:
        assert picture.size == (580, 192)
        assert np.asarray(picture).min() < 100
    assert [file.name[:7] for file in (drawn / "steps").iterdir()] == ["density"]


@pytest.mark.parametrize("columns", [1, 3])
def test_a_run_elsewhere_draws_nothing(columns, tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, columns))
    np.save(tmp_path / "table.npy", rows)
    drawn = trained(
        tmp_path / "run",
        data_dir=tmp_path / "table.npy",
        dataset={"name": "vectors"},
    )
    assert not drawn.exists() or not any(drawn.rglob("*.png"))
