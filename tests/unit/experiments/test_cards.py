# SPDX-License-Identifier: Apache-2.0
"""What a run tells for the card of its export."""

import json

import pytest

from glf_tf import errors
from glf_tf.experiments import cards
from glf_tf.experiments import folder as folder_lib


def entry(number, *, recipe, versions):
    held = {"number": number, "step": number, "changed": {}, "data": {}, "replicas": 1}
    return {**held, "recipe": recipe, "versions": versions}


DESCRIBED = {
    "model": {"name": "vae"},
    "dataset": {"name": "digits"},
    "data": {"train": {"images": 3}},
    "history": [
        entry(1, recipe="--epochs=1\n", versions={}),
        entry(2, recipe="--cache_dir=/home/me\n--epochs=2\n", versions={"keras": "3"}),
    ],
}


@pytest.fixture
def folder(tmp_path):
    found = folder_lib.Folder(tmp_path)
    fixed = {"batch_size": 1, "seed": 0, "arguments": {"image_shape": [4, 4, 1]}}
    found.describe({**DESCRIBED, **fixed})
    rows = [
        {"step": 2, "test/nll": 5.0, "epoch/nll": 1.0},
        {"step": 4, "test/nll": 4.0},
        {"step": 4, "epoch/nll": 0.5},
        {"step": 6, "test/nll": 3.0},
    ]
    text = "\n".join(map(json.dumps, rows)) + '\n{"step": 4, "test'
    (tmp_path / "metrics.jsonl").write_text(text)
    return found


@pytest.mark.parametrize(("step", "nll"), [(4, 4.0), (5, 4.0), (6, 3.0), (2, 5.0)])
def test_measures_are_the_newest_up_to_the_step(folder, step, nll):
    found = cards.about(folder, step=step)
    assert found.measures["values"] == {"test/nll": nll}
    assert found.run["step"] == step


def test_the_newest_recipe_is_told_without_paths(folder):
    run = cards.about(folder, step=4).run
    assert run["recipe"] == "--epochs=2\n"
    assert run["versions"] == {"keras": "3"}


def test_a_run_without_measures_has_none(folder):
    assert cards.about(folder, step=1).measures == {}
    (folder.path / "metrics.jsonl").unlink()
    assert cards.about(folder, step=4).measures == {}


@pytest.mark.parametrize("text", ["", "[1]", "[{}]", '{"a": 1}', "\x00"])
def test_files_that_are_no_records_are_refused_in_a_line(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises((errors.Damaged, errors.InvalidValue)) as error:
        cards.evaluations_of([tmp_path / "m.json"])
    assert "\n" not in str(error.value)
    with pytest.raises(errors.NotFound, match="none.json"):
        cards.evaluations_of([tmp_path / "none.json"])
