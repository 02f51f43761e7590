# SPDX-License-Identifier: Apache-2.0
"""Presets: what comes with the library, and what is made of a run; one way to load."""

import dataclasses
import importlib
import json
import re
import shutil
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import glf_tf
from glf_tf import errors, resources
from glf_tf.data import paths as paths_lib
from glf_tf.data import pixels
from glf_tf.datasets import digits
from glf_tf.evaluation import reporting
from glf_tf.experiments import cards, experiment, folder, preset_making, restore
from glf_tf.experiments import presets as presets_lib
from glf_tf.metrics import written
from glf_tf.training import options, saved_variables
from tests.unit.experiments import test_history

ABOUT = {"title": "Digits", "command": "glf-tf train", "commit": "1", "trained": "x"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two epochs, of which weights are averaged, on data of some folder."""
    path = tmp_path_factory.mktemp("runs") / "run"
    averaged = options.Optimizers(ema_decay={"": 0.9})
    plan = dataclasses.replace(test_history.make_plan(), optimizers=averaged)
    experiment.train(plan, folder.Folder(path))
    described = json.loads((path / "run.json").read_text())
    described["data_dir"] = "/home/me/data"
    described["data_source"] = "/home/me/data/mnist"
    described["history"][0]["recipe"] += "--data_dir=/home/me/data\n"
    changed = {"cache_dir": ["/home/me/x", "/home/me/y"], "beta": [1, 2]}
    described["history"][0]["changed"] = changed
    folder.Folder(path).describe(described)
    return path


@pytest.fixture(scope="module")
def made(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("presets") / "mine"
    preset_making.make(folder.Folder(run), path, about=ABOUT)
    return path


@pytest.fixture
def damaged(made, tmp_path):
    """A copy of it, to be damaged."""
    return shutil.copytree(made, tmp_path / "copy")


def values_of(model):
    variables = saved_variables.variables_of(model)
    return {name: variable.numpy() for name, variable in variables.items()}


@pytest.mark.parametrize("name", resources.presets())
def test_what_comes_with_the_library_is_small_and_knows_its_figures(name):
    preset = presets_lib.named(name)
    files = [path for path in preset.path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3_000_000
    for path in files:
        places = rb"/root|/tmp|/home|/work|/Users"
        assert not re.search(places, path.read_bytes()), path
    assert re.fullmatch("[0-9a-f]{7,40}", preset.commit)
    assert "seed" in preset.trained
    recipe = re.search(r"--recipe=(\S+)", preset.command)[1]
    assert recipe in resources.recipes()
    assert {"nll", "reconstruction per image"} <= {
        record["title"] for record in preset.measured
    }
    first = preset.measured[0]
    assert written.number(first["mean"], first["std"]) in str(preset)


@pytest.mark.parametrize("name", resources.presets())
def test_half_precision_costs_nothing_that_is_measured(name):
    """Less than a deviation over draws, or a thousandth where there is one value."""
    preset = presets_lib.named(name)
    assert len(preset.measured) == len(preset.measured_before) > 0
    for after, before in zip(preset.measured, preset.measured_before, strict=True):
        assert after["protocol"] == before["protocol"]
        error = before["std"] or abs(before["mean"]) / 1000
        assert after["mean"] == pytest.approx(before["mean"], abs=error)


def test_the_figures_are_those_of_the_weights():
    record = {
        record["title"]: record["mean"]
        for record in presets_lib.named("glf/digits").measured
    }
    model = glf_tf.load("glf/digits")
    images = digits.Digits(paths_lib.DataPaths()).load("test").images
    images = pixels.to_unit(images)
    squares = tf.reduce_sum((model.reconstruct(images) - images) ** 2, axis=[1, 2, 3])
    measured = record["reconstruction per image"]
    assert float(tf.reduce_mean(squares)) == pytest.approx(measured, rel=1e-3)
    drawn = model.sample(16, seed=0).numpy()
    assert drawn.shape == (16, 8, 8, 1)
    assert drawn.min() >= 0.0
    assert 0.5 < drawn.max() <= 1.0


def test_a_preset_has_the_averages_of_a_run_in_half_precision(run, made):
    loaded, before = values_of(glf_tf.load(made)), values_of(restore.load_model(run))
    assert set(loaded) == set(before)
    for name, value in before.items():
        is_kernel = value.dtype == np.float32 and value.ndim > 1
        rounded = np.float32(np.float16(value)) if is_kernel else value
        np.testing.assert_array_equal(loaded[name], rounded)


def test_what_half_precision_cannot_hold_is_left_whole():
    for value, dtype in (
        ([[7e4]], "float32"),
        ([[1.5]], "float16"),
        ([7e4], "float32"),
    ):
        variable = tf.Variable(value, dtype=tf.float32)
        assert preset_making._halved(variable).dtype.name == dtype


def test_a_preset_tells_no_places(made):
    described = folder.Folder(made).read()
    assert (described["data_dir"], described["data_source"]) == ("", "files")
    assert "/home/me" not in json.dumps(described)
    assert described["history"][0]["changed"] == {"beta": [1, 2]}
    assert "--data_dir" not in (made / "flags.cfg").read_text()
    assert presets_lib.read(made).title == "Digits"


def test_a_preset_replaces_a_preset_and_nothing_else(run, damaged):
    (damaged / "letter.txt").write_text("of somebody")
    with pytest.raises(errors.Occupied, match=r"letter\.txt"):
        preset_making.make(folder.Folder(run), damaged, about=ABOUT)
    (damaged / "letter.txt").unlink()
    again = preset_making.make(
        folder.Folder(run), damaged, about={**ABOUT, "title": "Others"}
    )
    assert again.title == presets_lib.read(damaged).title == "Others"


@pytest.mark.parametrize("where", ["", "sub", "sub/of/it"])
def test_a_preset_is_not_made_inside_its_own_run(made, where):
    before = sorted(file.read_bytes() for file in made.rglob("*") if file.is_file())
    with pytest.raises(errors.InvalidValue, match="beside the run"):
        preset_making.make(folder.Folder(made), made / where, about=ABOUT)
    after = sorted(file.read_bytes() for file in made.rglob("*") if file.is_file())
    assert after == before


@pytest.mark.parametrize("source", [None, 3, 3.5, [], {}, b"glf/digits", object()])
def test_what_is_no_name_and_no_path_is_refused(source):
    with pytest.raises(errors.InvalidType, match="a name or a path"):
        glf_tf.load(source)


def test_nothing_is_trained_or_logged_in_a_preset(made):
    before = sorted(made.rglob("*"))
    with pytest.raises(errors.Occupied, match="--start_from"):
        experiment.train(test_history.make_plan(), folder.Folder(made))
    reporting.log(folder.Folder(made), [], step=1)
    assert sorted(made.rglob("*")) == before


def test_an_export_has_the_figures_of_a_preset():
    path = resources.presets()["glf/digits"]
    about = cards.about(folder.Folder(path), step=1, evaluations=[{"title": "mine"}])
    titles = [record["title"] for record in about.evaluations]
    assert titles[-1] == "mine"
    assert "nll" in titles


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"title": 1}', '{"title": "x", "measured": [3]}']
)
def test_a_damaged_description_is_reported(damaged, content):
    (damaged / "preset.json").write_text(content)
    with pytest.raises(errors.Damaged, match="whole preset.json"):
        presets_lib.read(damaged)


def test_damaged_weights_are_reported(damaged):
    (data,) = damaged.glob("checkpoints/*/variables.data*")
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(errors.Damaged, match="intact checkpoint"):
        glf_tf.load(damaged)


def test_one_call_loads_runs_files_and_presets(run, made, tmp_path):
    model = glf_tf.load(run)
    model.save(tmp_path / "saved.keras")
    saved = glf_tf.load(tmp_path / "saved.keras")
    for name, value in values_of(model).items():
        np.testing.assert_array_equal(values_of(saved)[name], value)
    first = restore.kept_steps(run)[0]
    assert not np.array_equal(
        glf_tf.load(str(run), which=first).sample(2, seed=0), model.sample(2, seed=0)
    )


def test_what_is_no_model_is_refused(made, tmp_path):
    with pytest.raises(errors.NotFound, match=r"Did you mean glf/digits\?"):
        glf_tf.load("glf/digit")
    places = ("nowhere.keras", "~nobody/x", "x" * 5000, "a\0b", tmp_path / "glf/x")
    for path in places:
        with pytest.raises(errors.NotFound, match="no file, folder or preset") as said:
            glf_tf.load(path)
        assert "\n" not in str(said.value)
        assert len(str(said.value)) < 500
    with pytest.raises(errors.NotFound, match=r"run\.json"):
        glf_tf.load(tmp_path)
    (tmp_path / "text.keras").write_text("a thesis")
    with pytest.raises(errors.Damaged, match=r"no \.keras file"):
        glf_tf.load(tmp_path / "text.keras")
    stack = [keras.Input((2,)), keras.layers.Dense(1)]
    keras.Sequential(stack).save(tmp_path / "other.keras")
    with pytest.raises(errors.InvalidType, match="a Sequential"):
        glf_tf.load(tmp_path / "other.keras")


@pytest.mark.parametrize(
    ("which", "kind", "word"),
    [
        ("foo", errors.InvalidValue, "which='foo'"),
        ("lates", errors.InvalidValue, "Did you mean latest"),
        (None, errors.InvalidType, "`which` must be a whole number"),
        (2.5, errors.InvalidType, "`which` must be a whole number"),
        (-1, errors.InvalidValue, "at least 0"),
        (10**6, errors.NotFound, "one of the steps"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_refused(run, which, kind, word):
    with pytest.raises(kind, match=word) as said:
        glf_tf.load(run, which=which)
    assert "\n" not in str(said.value)


def test_a_preset_has_no_best_checkpoint(made):
    with pytest.raises(errors.NotFound, match="Use latest, or one of the steps"):
        glf_tf.load(made, which="best")


def test_a_file_has_one_state(run, tmp_path):
    glf_tf.load(run).save(tmp_path / "saved.keras")
    with pytest.raises(errors.InvalidValue, match="a file has one state"):
        glf_tf.load(tmp_path / "saved.keras", which="best")


@pytest.mark.parametrize("given", ["x", [], 3])
def test_custom_objects_are_a_mapping(run, given):
    with pytest.raises(errors.InvalidType, match="classes by their names"):
        glf_tf.load(run, custom_objects=given)


def test_a_file_nested_too_deep_is_damaged(tmp_path):
    path = tmp_path / "deep.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[" * 100_000 + "]" * 100_000)
    with pytest.raises(errors.Damaged, match="no .keras file"):
        glf_tf.load(path)


def test_a_damaged_preset_hides_no_other(damaged, monkeypatch, caplog):
    (damaged / "preset.json").write_text("{}")
    known = {"mine/broken": damaged, **resources.presets()}
    monkeypatch.setattr(resources, "presets", lambda: known)
    assert set(presets_lib.known()) == set(known) - {"mine/broken"}
    assert "preset.json" in caplog.text


def test_what_is_shown_of_a_preset_is_checked(made, damaged):
    record = {
        "title": "nll",
        "mean": 1.0,
        "std": None,
        "protocol": {
            "source": "reconstructions",
            "samples": 10,
            "references": 10,
            "reference_split": "test",
        },
    }
    file = damaged / "preset.json"
    about = json.loads(file.read_text())
    file.write_text(json.dumps({**about, "measured": [record]}))
    assert "nll, 10 reconstructions to 10 test: 1" in str(presets_lib.read(damaged))
    for name in record["protocol"]:
        changed = {**record, "protocol": {**record["protocol"], name: []}}
        file.write_text(json.dumps({**about, "measured": [changed]}))
        with pytest.raises(errors.Damaged, match="whole preset.json"):
            presets_lib.read(damaged)
    file.write_text(json.dumps({**about, "measured": [{**record, "std": "x"}]}))
    with pytest.raises(errors.Damaged, match="whole preset.json"):
        presets_lib.read(damaged)


@pytest.mark.parametrize(
    ("module", "is_imported"),
    [
        ("glf_tf.models.began", True),
        ("glf_tf.models.began.os", False),
        ("tests.worker", False),
        (["os"], False),
    ],
)
def test_a_file_has_only_modules_of_the_library_imported(
    tmp_path, monkeypatch, module, is_imported
):
    seen = []
    monkeypatch.setattr(importlib, "import_module", seen.append)
    path = tmp_path / "x.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"module": module}))
    with pytest.raises(errors.UserError):
        glf_tf.load(path)
    assert (seen[:1] == [module]) == is_imported


def test_the_package_itself_imports_nothing():
    text = (resources.TOOLS.parent / "glf_tf/__init__.py").read_text()
    assert not re.findall(r"^(?:import|from) ", text, re.MULTILINE)
    assert sys.modules["glf_tf"].__all__ == ["load", "presets"]
