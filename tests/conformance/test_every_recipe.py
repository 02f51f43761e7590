# SPDX-License-Identifier: Apache-2.0
"""Every recipe trains each of its stages, on random images of its data's shape.

An epoch of two batches each, with the recipe's own model, optimisers and settings of
training; of chains two steps, as a processor would take minutes for all of them.
`--recipes=1000` trains all, and takes half an hour.
"""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest

from glf_tf.cli import program, training
from glf_tf.data import paths as paths_lib
from glf_tf.experiments import experiment
from glf_tf.experiments import folder as folder_lib
from tests import calls
from tests.conformance import test_flagfiles

ROOT = test_flagfiles.ROOT
RUNNABLE = test_flagfiles.RUNNABLE
COUNT = 64
"""Images, in two batches; enough to fit 50 components to the codes of all."""

CLASSES, OF_A_CLASS = 10, 20
"""Where a density has labels, components are fitted to the codes of each."""


def pytest_generate_tests(metafunc):
    """Chooses recipes that lie as far apart in the list as they can."""
    if "path" not in metafunc.fixturenames:
        return
    count = min(metafunc.config.getoption("--recipes"), len(RUNNABLE))
    places = np.linspace(0, len(RUNNABLE) - 1, count).round().astype(int)
    chosen = [RUNNABLE[place] for place in dict.fromkeys(places)]
    ids = ["/".join(path.with_suffix("").parts[-2:]) for path in chosen]
    metafunc.parametrize("path", chosen, ids=ids)


def plan_of(path):
    with calls.flags_of_its_own():
        arguments = ["train", f"--flagfile={path}", "--workdir=unused"]
        program.parse(arguments, define=training.define_training)
        return training.plan()


def write_data(spec, folder, *, count):
    """Writes random data of a set's shape; returns the set that reads them."""
    name = spec["name"] if isinstance(spec, dict) else spec
    generator = np.random.default_rng(0)
    if name in test_flagfiles.VECTORS or name == "principal_components":
        size = test_flagfiles.VECTORS.get(name) or spec["count"]
        data = {
            split: generator.normal(size=(count, size)).astype(np.float32)
            for split in ("train", "validation", "test")
        }
        np.savez(folder / "vectors.npz", **data)
        return "vectors", folder / "vectors.npz"
    shape = test_flagfiles.shape_of(spec)
    for split in ("train", "test"):
        images = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
        np.save(folder / f"{split}.npy", images)
        np.save(folder / f"{split}_labels.npy", np.arange(count) % CLASSES)
    return "arrays", folder


def cut(spec, *, features):
    """The specification of a model with short chains, and a network that is there.

    Args:
        spec: The specification.
        features: Trains a network, and returns its file.
    """
    spec = dict(spec)
    if "inference" in spec:  # the number of steps changes no graph
        spec["inference"] = {**spec["inference"], "steps": 2}
    if "prior_steps" in spec:
        spec["prior_steps"] = 2
    judged = dict(spec.get("reconstruction", {}))
    if judged.get("start"):  # of the critic, in steps
        judged["start"] = 1
    if judged.get("network", "vgg16") != "vgg16":
        judged["network"] = features()
    elif judged.get("name") == "perceptual":
        judged["weights"] = "random"
    return {**spec, "reconstruction": judged} if judged else spec


def start_of(path):
    """The recipe of the run from which a recipe starts, as its header says; or None."""
    found = re.search(r"--start_from=runs/(\S+)", path.read_text())
    return found and ROOT / "flags" / f"{found[1]}.cfg"


def train_features(dataset, data_dir):
    """Trains the network of which a recipe's header says how, for a step."""
    file = data_dir / "features.keras"
    data = (f"--dataset={dataset}", f"--data_dir={data_dir}")
    ended = calls.call("train_features", *data, "--steps=1", f"--out={file}")
    assert ended.status == 0, ended.stderr
    return str(file)


def train(path, tmp_path):
    """Trains a recipe, and first what it starts from; returns the run."""
    plan = plan_of(path)
    count = CLASSES * OF_A_CLASS if plan.model.get("num_classes") else COUNT
    dataset, data_dir = write_data(plan.dataset, tmp_path, count=count)
    start = plan.start
    if before := start_of(path):
        start = dataclasses.replace(start, start_from=str(train(before, tmp_path).path))
    best_by = plan.reports.best_by
    if dataset == "arrays":  # of which nothing is held out
        best_by = best_by.replace("validation/", "test/")
    epochs = {stage: min(count, 1) for stage, count in plan.training.epochs.items()}
    plan = dataclasses.replace(
        plan,
        dataset=dataset,
        start=start,
        paths=paths_lib.DataPaths(data_dir=data_dir, cache_dir=tmp_path / "cache"),
        model=cut(plan.model, features=lambda: train_features(dataset, data_dir)),
        training=dataclasses.replace(
            plan.training, epochs=epochs, batch_size=count // 2
        ),
        reports=dataclasses.replace(
            plan.reports,
            draw_every=0,
            evaluate_every=0,
            export=False,
            best_by=best_by,
        ),
    )
    run = folder_lib.Folder(tmp_path / path.stem)
    experiment.train(plan, run)
    return run


@pytest.mark.slow
def test_an_epoch_of_each_stage(path, tmp_path):
    run = train(path, tmp_path)
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").open()]
    terms = [
        value
        for line in lines
        for name, value in line.items()
        if name.startswith("epoch/")
    ]
    shutil.rmtree(tmp_path)  # a gigabyte where networks are those of CelebA
    assert lines[-1]["step"] >= 1
    assert np.isfinite(np.asarray(terms, float)).all()
