# SPDX-License-Identifier: Apache-2.0
"""Runs that sharpen a finished decoder: what they keep, and how they go on."""

import dataclasses

import numpy as np
import pytest

from glf_tf import errors
from glf_tf.experiments import experiment, folder, plan, preset_making, restore
from glf_tf.training import loop
from tests import descriptors
from tests.unit.experiments import test_experiment as runs

SHARPENING = {
    "name": "adversarial",
    "widths": (3, 4),
    "drawn": 0.5,
    "noise": 0.1,
    "alone": True,
}


OTHER_SCALE = {**descriptors.MODELS["glf"]["flow"], "scale": "exp"}
"""An option without a variable: all weights agree, and the density is another one."""


def make_plan(start, **given):
    """A plan to sharpen a run of GLF, alone."""
    made = runs.make_plan(start=start)
    model = {"name": "glf", **descriptors.MODELS["glf"], "sharpen": SHARPENING}
    return dataclasses.replace(made, model={**model, **given})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run, and the model that it left."""
    path = tmp_path_factory.mktemp("finished")
    return path, experiment.train(runs.make_plan(), folder.Folder(path))


@pytest.fixture(scope="module")
def sharp(finished, tmp_path_factory):
    """The folder of a run that sharpens it."""
    path = tmp_path_factory.mktemp("sharp")
    experiment.train(make_plan(plan.Start(str(finished[0]))), folder.Folder(path))
    return path


def test_what_was_learned_before_stays_bit_for_bit(finished, sharp):
    before, after = finished[1], restore.load_model(sharp)
    for part in ("encoder", "prior"):
        pairs = zip(
            getattr(before, part).variables, getattr(after, part).variables, strict=True
        )
        for old, new in pairs:
            np.testing.assert_array_equal(old, new, err_msg=old.path)
    z = before.encode(descriptors.batch()["image"])
    np.testing.assert_array_equal(before.log_prob(z), after.log_prob(z))
    assert np.abs(before.decode(z) - after.decode(z)).max() > 1e-3
    assert restore.load(sharp).step == restore.load(sharp, which="best").step == 14


def test_a_preset_of_it_leaves_the_critic_behind(sharp, tmp_path):
    about = {"title": "x", "command": "x", "commit": "1", "trained": "x"}
    preset_making.make(folder.Folder(sharp), tmp_path / "preset", about=about)
    loaded, before = restore.load_model(tmp_path / "preset"), restore.load_model(sharp)
    assert loaded.sharpening is None
    assert len(loaded.variables) < len(before.variables)
    z = before.encode(descriptors.batch()["image"])
    np.testing.assert_allclose(loaded.decode(z), before.decode(z), atol=5e-3)


def test_its_terms_are_measured(sharp):
    (last, *_) = [line for line in runs.lines(sharp)[::-1] if "test/features" in line]
    for term in ("critic_real", "critic_made_drawn", "judged", "squared_error"):
        assert np.isfinite(last[f"test/{term}"])


def test_it_resumes_bit_for_bit(finished, sharp, tmp_path, monkeypatch):
    whole, cut = make_plan(plan.Start(str(finished[0]))), folder.Folder(tmp_path)
    runs.stop_at_call(2, monkeypatch)
    with pytest.raises(loop.Stopped):
        experiment.train(whole, cut, resume=True)
    monkeypatch.undo()
    experiment.train(whole, cut, resume=True)
    assert runs.lines(tmp_path) == runs.lines(sharp)
    expected = runs.variables(sharp)
    for name, value in runs.variables(tmp_path).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.parametrize(
    ("given", "layers", "word"),
    [
        ({"latent_dim": 5}, "", "not taken from"),
        ({"procedure": "two_stage", "noise": "student_t"}, "", "such as model/.*noise"),
        ({}, "decoder", "such as model/encoder"),
        ({"flow": OTHER_SCALE}, "", "model.flow.scale=exp after soft_clamp"),
    ],
)
def test_another_model_than_the_finished_one_is_refused(
    finished, tmp_path, given, layers, word
):
    asked = make_plan(plan.Start(str(finished[0]), layers), **given)
    with pytest.raises(errors.InvalidValue, match=word):
        experiment.train(asked, folder.Folder(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_run_whose_reconstruction_has_a_critic_is_sharpened(tmp_path):
    """There are two critics of patches then, each with variables of its own."""
    contested = {"reconstruction": {"name": "critic_features", "widths": (3, 4)}}
    first = runs.make_plan()
    first = dataclasses.replace(first, model={**first.model, **contested})
    before = experiment.train(first, folder.Folder(tmp_path / "first"))
    asked = make_plan(plan.Start(str(tmp_path / "first")), **contested)
    after = experiment.train(asked, folder.Folder(tmp_path / "second"))
    for old, new in zip(
        before.reconstruction.variables, after.reconstruction.variables, strict=True
    ):
        np.testing.assert_array_equal(old, new, err_msg=old.path)
    z = before.encode(descriptors.batch()["image"])
    np.testing.assert_array_equal(before.log_prob(z), after.log_prob(z))
    assert np.abs(before.decode(z) - after.decode(z)).max() > 1e-3


def test_it_needs_a_finished_run(tmp_path):
    with pytest.raises(errors.InvalidValue, match="start_from=RUN"):
        experiment.train(make_plan(plan.Start()), folder.Folder(tmp_path))
    assert not list(tmp_path.iterdir())


def test_an_unfinished_run_is_sharpened_with_a_warning(
    finished, tmp_path, monkeypatch, caplog
):
    cut = tmp_path / "cut"
    runs.stop_at_call(2, monkeypatch)
    with pytest.raises(loop.Stopped):
        experiment.train(runs.make_plan(), folder.Folder(cut))
    monkeypatch.undo()
    for start, is_warned in ((cut, True), (finished[0], False)):
        caplog.clear()
        out = folder.Folder(tmp_path / f"sharpened_{start.name}")
        experiment.train(make_plan(plan.Start(str(start))), out)
        said = [line for line in caplog.messages if "before its end" in line]
        assert len(said) == is_warned
        assert all(f"--workdir={cut} --resume" in line for line in said)
