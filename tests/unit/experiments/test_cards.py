# SPDX-License-Identifier: Apache-2.0
"""What a run tells for the card of its export."""

import json

import pytest

from glf_tf import errors
from glf_tf.experiments import cards
from glf_tf.experiments import folder as folder_lib
from glf_tf.metrics import protocol


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


def measured(path, run):
    how = {"source": "samples", "dataset": "digits", "extractor": "x"}
    numbers = {"references": 3, "samples": 3, "trials": 1, "seed": 0}
    texts = dict.fromkeys(
        ("extractor_checksum", "reference_split", "reference_digest", "crop"), "x"
    )
    told = protocol.Protocol(**how, **numbers, **texts, rounded=True, sampling="plain")
    found = protocol.Measurement(metric="fd", title="FD", values=(1.0,), protocol=told)
    path.write_text(protocol.to_json([found], run=run))
    return path


def test_measures_are_told_of_the_run_and_the_step_that_were_measured(folder, tmp_path):
    run = cards.run_of(folder)
    assert run["model"] == "vae"
    own = measured(tmp_path / "own.json", {**run, "step": 4})
    (record,) = cards.evaluations_of([own], run=run)
    assert record["run"]["step"] == 4
    cards.check_step([record], 4)
    with pytest.raises(errors.InvalidValue, match="step 4 for an export of step 6"):
        cards.check_step([record], 6)

    other = measured(tmp_path / "o.json", {"model": "glf", "digest": "1", "step": 4})
    with pytest.raises(errors.InvalidValue, match="another run, of glf"):
        cards.evaluations_of([other], run=run)
    assert cards.evaluations_of([other])

    unknown = measured(tmp_path / "unknown.json", None)  # of images, or from before
    cards.check_step(cards.evaluations_of([unknown], run=run), 6)


@pytest.mark.parametrize("run", [3, [], {}, {"model": 1, "digest": "x", "step": 2}])
def test_records_of_no_run_are_damaged(run, tmp_path):
    path = measured(tmp_path / "a.json", {"model": "x", "digest": "y", "step": 1})
    (record,) = json.loads(path.read_text())
    path.write_text(json.dumps([record | {"run": run}]))
    with pytest.raises(errors.Damaged, match="a.json"):
        cards.evaluations_of([path])


def test_runs_differ_by_their_seed(folder):
    run = cards.run_of(folder)
    described = folder.read()
    folder.describe({**described, "seed": 1})
    assert cards.run_of(folder)["digest"] != run["digest"]
