# SPDX-License-Identifier: Apache-2.0
"""Notebooks run as they stand, and are small enough to be read on the web.

Their cells run in this process, one after the other: a kernel for each would import
TensorFlow five times, and bring packages that nothing else needs.
"""

import ast
import json
import os
import pathlib
import re

import keras
import pytest
import tensorflow as tf

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))


def cells(path, kind):
    """The sources of the cells of a kind."""
    found = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def run(source, names, *, at):
    """Runs a cell; returns the value of its last expression, as a notebook shows it."""
    *before, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        before, last = [*before, last], None
    exec(compile(ast.Module(before, []), at, "exec"), names)
    if last is not None:
        return eval(compile(ast.Expression(last.value), at, "eval"), names)
    return None


def test_there_are_notebooks():
    assert len(NOTEBOOKS) == 5


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    try:
        for number, source in enumerate(cells(path, "code")):
            run(source, names, at=f"{path.name}, cell {number}")
    finally:
        tf.config.run_functions_eagerly(False)
        keras.backend.clear_session()
    assert os.getcwd() == str(tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_it_showed_is_kept_and_small(path):
    assert path.stat().st_size < 150_000
    found = json.loads(path.read_text())["cells"]
    shown = [cell for cell in found if cell["cell_type"] == "code"]
    outputs = [output for cell in shown for output in cell["outputs"]]
    assert [cell["execution_count"] for cell in shown] == [*range(1, len(shown) + 1)]
    assert {output["output_type"] for output in outputs} <= {
        *("stream", "execute_result", "display_data"),
    }
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not re.search("/root|/tmp|/home|/work|/Users|Traceback", path.read_text())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_begins_with_what_it_is_and_names_files_that_exist(path):
    texts = cells(path, "markdown")
    assert texts[0].startswith("# ")
    for name in re.findall(r"`(docs/[\w/]+\.md)`", "\n".join(texts)):
        assert (ROOT / name).is_file(), name
