# SPDX-License-Identifier: Apache-2.0
"""Curves of a table's trainings: which rows and scalars they have."""

import pathlib

import pytest
from PIL import Image

from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.evidence import table_file, training_curves
from glf_tf.plotting import curves, curves_figure

HISTORIES = {"gan": "epoch/distance", "glf": "epoch/nll"}


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """A GAN of two seeds and a GLF, of which each has a scalar of its own."""

    def read(path):
        name = HISTORIES[path.name.removesuffix("_seed_1")]
        speed = {"epoch/examples_per_second": 1.0}
        lines = tuple({"step": step, name: 0.5, **speed} for step in (1.0, 2.0))
        return curves.History(path=path, lines=lines, diverged_at=None)

    monkeypatch.setattr(curves, "read", read)
    found = []
    for name, seed in (("gan", 0), ("gan", 1), ("glf", 0)):
        recipe = job_lib.Recipe(name, pathlib.Path("x.cfg"), published="")
        run = folder_lib.Folder(tmp_path).run(f"{name}{'_seed_1' * seed}")
        run.path.mkdir()
        (run.path / "metrics.jsonl").touch()
        job = job_lib.Job(recipe, seed, run, (), {})
        found.append((job, table_file.Row(name, ("x",), title=f"**{name.upper()}**")))
    return found


def test_rows_without_a_scalar_have_no_line(jobs, tmp_path, monkeypatch):
    drawn, draw = [], curves_figure.draw

    def noted(lines, *, scalars):
        drawn.append([line.label for line in lines])
        return draw(lines, scalars=scalars)

    monkeypatch.setattr(curves_figure, "draw", noted)
    folder = folder_lib.Folder(tmp_path)
    how = {"folder": folder}
    scalars = ("epoch/distance", "epoch/of_none")
    assert training_curves.draw(jobs, scalars=scalars, **how)
    assert training_curves.draw(jobs, scalars=tuple(HISTORIES.values()), **how)
    assert drawn == [["GAN"], ["GAN", "GLF"]]  # of the first seed, without asterisks
    assert Image.open(folder.curves).width > 300
    assert not training_curves.draw(jobs, scalars=("epoch/of_none",), **how)
