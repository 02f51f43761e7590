# SPDX-License-Identifier: Apache-2.0
"""Files that a run's model reads: they are noted, and a change is noticed."""

import dataclasses
import shutil

import numpy as np
import pytest

from glf_tf import catalogue, errors
from glf_tf.experiments import experiment, folder, outside_files, restore
from glf_tf.training import loop
from tests import descriptors
from tests.unit.experiments import test_history

ERROR = {"name": "perceptual", "inputs": "unit", "reduction": "mean"}


def glf(reconstruction):
    return {**descriptors.MODELS["glf"], "reconstruction": reconstruction}


@pytest.fixture
def network(tmp_path):
    return shutil.copy(descriptors.FEATURES, tmp_path / "features.keras")


def test_files_are_found_in_parts_of_parts(network, tmp_path):
    (tmp_path / "vgg16.npz").write_bytes(b"weights")
    weights = {"name": "perceptual", "weights": str(tmp_path / "vgg16.npz")}
    found = outside_files.digests(glf({"name": "patch_adversarial", "error": weights}))
    assert list(found) == ["reconstruction.error.weights"]
    found = outside_files.digests(glf({**ERROR, "network": str(network)}))
    assert list(found) == ["reconstruction.network"]


@pytest.mark.parametrize(
    "reconstruction",
    ["squared_error", "perceptual", descriptors.RECONSTRUCTIONS["layer_perceptual"]],
)
def test_names_and_layers_are_no_files(reconstruction):
    assert outside_files.digests(glf(reconstruction)) == {}


def test_a_default_is_a_name_whatever_the_current_folder_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("vgg16", "imagenet"):
        (tmp_path / name).mkdir()
    assert outside_files.digests(glf("perceptual")) == {}


def test_missing_files_are_left_out(tmp_path):
    assert outside_files.digests(glf({**ERROR, "network": f"{tmp_path}/none"})) == {}


def test_a_folder_is_its_names_and_contents(tmp_path):
    saved = tmp_path / "saved"
    (saved / "variables").mkdir(parents=True)
    (saved / "variables" / "a").write_text("1")
    spec = glf({**ERROR, "network": str(saved)})
    (saved / "saved_model.pb").write_text("2")
    found = [outside_files.digests(spec)]
    (saved / "variables" / "a").write_text("3")
    found.append(outside_files.digests(spec))
    (saved / "variables" / "a").rename(saved / "variables" / "b")
    found.append(outside_files.digests(spec))
    assert len({item["reconstruction.network"] for item in found}) == 3


def test_a_run_goes_on_with_its_network_alone(network, tmp_path):
    made = dataclasses.replace(
        test_history.make_plan(), model=glf({**ERROR, "network": str(network)})
    )
    run = folder.Folder(tmp_path / "run")
    with pytest.raises(loop.Stopped):
        experiment.train(made, run, stop_at=3)
    noted = run.read()["data"]["files"]
    assert noted == outside_files.digests(made.model)

    with open(network, "ab") as file:
        file.write(b"another end")
    with pytest.raises(errors.Damaged, match=r"n\.network \(.*after.*accept"):
        experiment.train(made, run, resume=True)
    experiment.train(made, run, resume=True, accept_new_data=True)
    assert run.read()["data"]["files"] != noted


def test_a_layer_comes_back_with_the_run(tmp_path):
    """Its weights are in the checkpoints, as no file has them."""
    spec = {**descriptors.MODELS["rae_layer_perceptual"]}
    made = dataclasses.replace(test_history.make_plan(epochs=1), model=spec)
    trained = experiment.train(made, folder.Folder(tmp_path))
    loaded = restore.load_model(tmp_path)
    batch = descriptors.batch()["image"]
    np.testing.assert_allclose(
        loaded.reconstruction(batch, -batch), trained.reconstruction(batch, -batch)
    )


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"network": "none.keras"}, errors.NotFound, "nothing at .*none.keras"),
        ({"level_weights": "1,2,3"}, errors.InvalidValue, "must be 2 comma-separated"),
        ({"layers": ("third",)}, errors.InvalidValue, "third"),
    ],
)
@pytest.mark.parametrize("part", ["reconstruction", "error"])
def test_what_does_not_fit_is_said_before_the_run_begins(
    network, tmp_path, options, error, said, part
):
    """So that the corrected command is not one of another run."""
    right = {**ERROR, "network": str(network)}
    run = folder.Folder(tmp_path / "run")
    of_part = {"reconstruction": lambda spec: spec, "error": _judged}[part]
    plan = dataclasses.replace(
        test_history.make_plan(), model=glf(of_part({**right, **options}))
    )
    with pytest.raises(error, match=said):
        experiment.train(plan, run, resume=True)
    assert not run.holds_run
    plan = dataclasses.replace(plan, model=glf(of_part(right)))
    experiment.check(plan, **_made(plan))


def _judged(error):
    return {"name": "patch_adversarial", "error": error, "widths": (4, 4)}


def _made(plan):
    """A model of a plan and its data, for a check."""
    model = catalogue.build("model", plan.model, image_shape=(8, 8, 1))
    return {"model": model, "sets": [descriptors.images(300)] * 2}
