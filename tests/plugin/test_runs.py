# SPDX-License-Identifier: Apache-2.0
"""Runs of parts that an installed package brings: by name, by class, and by object."""

import json
import shutil
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, parts, seeds
from glf_tf.callbacks import drawing
from glf_tf.cli import replaying
from glf_tf.experiments import restore
from glf_tf.models import rae
from tests import calls
from tests.plugin import conftest

BY_NAME = (
    *("--dataset=stripes", "--dataset.size=64", "--network=linear"),
    *("--nonetwork.bias", "--reconstruction=absolute"),
)
BY_CLASS = (
    *("--dataset=glf_plugin.stripes:Stripes", "--dataset.size=64"),
    *("--network=glf_plugin.linear:Linear", "--nonetwork.bias"),
    "--reconstruction=glf_plugin.absolute:Absolute",
)
RUNS = {
    "prior by name": ("--model=rae", "--prior=laplace", *BY_NAME),
    "model by class": (
        *("--model=glf_plugin.denoising:Denoising", "--noise=0.2"),
        *("--inner_flow=glf_plugin.halves:Halves", "--inner_flow.hidden=5", *BY_CLASS),
    ),
    "model by name": (
        *("--model=bounded", "--limit=2", "--procedure=joint"),
        *("--flow=halves", "--flow.hidden=5", *BY_NAME),
    ),
}
SHORT = (
    *("--latent_dim=4", "--batch_size=32", "--epochs=2", "--draw_every=9"),
    "--keep_checkpoints=1",
)


def succeeds(tool, *arguments, status=0):
    """Calls a tool, and returns what it printed."""
    done = calls.call(tool, *arguments)
    assert done.status == status, done.stderr
    return done.output


@pytest.fixture(scope="module", params=RUNS)
def run(request, plugin, tmp_path_factory):
    """The folder of a run that was stopped, and went on to its end."""
    workdir = tmp_path_factory.mktemp("plugin") / "run"
    flags = (*RUNS[request.param], *SHORT, f"--workdir={workdir}")
    with pytest.MonkeyPatch.context() as patch:
        draw_little(patch)
        succeeds("train", *flags, "--stop_at=3", status=75)
        succeeds("train", *flags, "--resume")
    return workdir


def draw_little(patch):
    """One small picture a time: drawing takes longer than training."""
    picture = np.zeros((2, 2, 3), np.uint8)
    patch.setattr(drawing.Pictures, "_draw", lambda _: {"samples": picture})
    patch.setattr(drawing.Histograms, "run", lambda *_: None)


def test_it_says_where_its_parts_come_from(run):
    described = json.loads((run / "run.json").read_text())
    plugins = {plugin["kind"]: plugin for plugin in described["plugins"]}
    assert {"dataset", "network", "reconstruction"} < plugins.keys()
    for plugin in plugins.values():
        assert plugin["distribution"] == "glf-plugin"
        assert plugin["version"] == "1.2"
    assert plugins["network"]["class"] == "glf_plugin.linear:Linear"


def test_it_is_the_same_in_every_form(run, tmp_path):
    model = restore.load_model(run)
    images = model.sample(3, seed=1)
    assert images.shape == (3, 8, 8, 1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded.sample(3, seed=1), images)
    served = tf.saved_model.load(str(run / "saved_model"))
    drawn = served.signatures["sample"](
        num_samples=tf.constant(3),
        seed=seeds.make(1),
        temperature=tf.constant(1.0),
    )["image"]
    np.testing.assert_allclose(drawn, images, rtol=0, atol=1e-6)


def test_tools_use_it(run, tmp_path):
    output = succeeds("evaluate", f"--workdir={run}", "--metrics=reconstruction")
    assert json.loads(output)[0]["protocol"]["dataset"] == "stripes"
    hidden = ("--mask=chequered", "--num_images=2", f"--output={tmp_path}/hidden.png")
    chains = ("--inference=climb", "--inference.steps=2")
    succeeds("inpaint", f"--workdir={run}", *hidden, *chains)
    assert (tmp_path / "hidden.png").exists()


@pytest.mark.parametrize("run", ["prior by name"], indirect=True)
def test_it_is_trained_again(run, tmp_path, monkeypatch):
    draw_little(monkeypatch)
    monkeypatch.setattr(
        replaying, "_run", lambda command: calls.call("train", *command[2:]).status
    )
    again = tmp_path / "again"
    succeeds("train", f"--replay={run}", f"--workdir={again}")
    images = [restore.load_model(item).sample(3, seed=1) for item in (run, again)]
    np.testing.assert_array_equal(*images)


def test_objects_and_names_are_one(plugin):
    from glf_plugin import absolute, laplace, linear

    given = rae.RAE(
        (8, 8, 1),
        latent_dim=4,
        network=linear.Linear(bias=False),
        reconstruction=absolute.Absolute((8, 8, 1)),
        prior=laplace.Laplace(4),
    )
    network = {"name": "linear", "bias": False}
    spec = {"name": "rae", "latent_dim": 4, "network": network, "prior": "laplace"}
    spec["reconstruction"] = "absolute"
    named = parts.make("model", spec, image_shape=(8, 8, 1))
    assert given.get_config() == named.get_config()
    assert parts.specification("model", given) == parts.specification("model", named)


def test_help_lists_what_is_installed(plugin):
    output = succeeds("train", "--model=rae", "--network=linear", "--help")
    assert "laplace" in output
    assert "Whether the layers have biases" in output
    assert "glf-plugin 1.2" in output


def test_a_run_whose_package_is_gone_names_what_to_install(run, installed, tmp_path):
    sys.path.remove(str(installed))
    conftest.forget()
    try:
        workdir = shutil.copytree(run, tmp_path / "run")
        for load in (restore.load_model, lambda at: restore.load_data(at, "test")):
            with pytest.raises(errors.UserError, match="pip install glf-plugin"):
                load(workdir)
    finally:
        sys.path.append(str(installed))
        conftest.forget()
