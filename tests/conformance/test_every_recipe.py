# SPDX-License-Identifier: Apache-2.0
"""Every recipe, and every row of a table, trains each of its stages.

An epoch of two batches each, on random images of the data's shape, with the recipe's
own model, optimisers and settings of training; of chains two steps, as a processor
would take minutes for all of them. `--recipes=1000 --rows=1000` trains all.
"""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest

from glf_tf import resources
from glf_tf.cli import program, training, trainings
from glf_tf.data import paths as paths_lib
from glf_tf.evidence import table_reader
from glf_tf.experiments import experiment, restore
from glf_tf.experiments import folder as folder_lib
from tests import calls
from tests.conformance import test_flagfiles

COUNT = 16
"""Images, in two batches, where no density needs more."""

CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Case:
    """What tools/train.py can be asked for.

    Attributes:
        name: Its name.
        arguments: Of the tool.
        before: What it starts from; None for nothing.
    """

    name: str
    arguments: tuple[str, ...]
    before: "Case | None" = None


def recipe(path):
    """The case of a recipe, which starts from another one if its header says so."""
    name = "/".join(path.with_suffix("").parts[-2:])
    found = re.search(r"--start_from=runs/(\S+)", path.read_text())
    before = found and recipe(test_flagfiles.ROOT / "flags" / f"{found[1]}.cfg")
    return Case(name, (f"--flagfile={path}",), before)


def rows(name):
    """The cases of a table's rows; of a flag that varies, one value."""
    table = table_reader.read(resources.tables()[name])
    found = {}
    for row in table.rows:
        files = [f"--flagfile={trainings.file_of(each)}" for each in row.recipes]
        arguments = (*files, *table.flags_of(row))
        before = found.get(row.start)
        found[row.name] = Case(f"{name}/{row.name}", arguments, before)
    value = table.vary and table.vary.values[0]
    return [found[row.name] for row in table.rows if row.value in ("", value)]


RECIPES = list(map(recipe, test_flagfiles.RUNNABLE))
ROWS = [case for name in sorted(resources.tables()) for case in rows(name)]


def pytest_generate_tests(metafunc):
    """Chooses recipes and rows from equal parts of their lists."""
    if "case" not in metafunc.fixturenames:
        return
    chosen = []
    for cases, option in ((RECIPES, "--recipes"), (ROWS, "--rows")):
        count = min(metafunc.config.getoption(option), len(cases))
        places = (np.arange(count) + 0.5) * len(cases) // count
        chosen += [cases[int(place)] for place in places]
    metafunc.parametrize("case", chosen, ids=[case.name for case in chosen])


def plan_of(case, *, before):
    start = (f"--start_from={before.path}",) if before else ()
    with calls.flags_of_its_own():
        arguments = ["train", *case.arguments, *start, "--workdir=unused"]
        program.parse(arguments, define=training.define_training)
        return training.plan()


def needed(spec):
    """How many images the densities of a model need, of each label if it has labels."""
    found = [COUNT]
    for name, value in spec.items():
        if isinstance(value, dict):
            found.append(needed(value))
        elif name == "components" and isinstance(value, int):
            found.append(2 * value)
    return max(found) * (CLASSES if spec.get("num_classes") else 1)


def coordinates(spec):
    """How many a data set's vectors have; 0 for images."""
    if spec["name"] == "principal_components":
        return spec["count"]
    return test_flagfiles.VECTORS.get(spec["name"], 0)


def write_data(spec, folder, *, count):
    """Writes random data of a set's shape; returns the set that reads them."""
    generator = np.random.default_rng(0)
    if size := coordinates(spec):
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


def train_features(dataset, data_dir):
    """Trains the network of which a recipe's header says how, for a step."""
    file = data_dir / "features.keras"
    data = (f"--dataset={dataset}", f"--data_dir={data_dir}", "--overwrite")
    ended = calls.call("train_features", *data, "--steps=1", f"--out={file}")
    assert ended.status == 0, ended.stderr
    return str(file)


def train(case, tmp_path):
    """Trains a case, and first what it starts from; returns the run."""
    plan = plan_of(case, before=case.before and train(case.before, tmp_path))
    count = max(needed(plan.model), 2 * coordinates(plan.dataset))
    dataset, data_dir = write_data(plan.dataset, tmp_path, count=count)
    best_by = plan.reports.best_by
    if dataset == "arrays":  # of which nothing is held out
        best_by = best_by.replace("validation/", "test/")
    epochs = {stage: min(epochs, 1) for stage, epochs in plan.training.epochs.items()}
    reports = {"draw_every": 0, "evaluate_every": 0, "export": False}
    plan = dataclasses.replace(
        plan,
        dataset=dataset,
        paths=paths_lib.DataPaths(data_dir=data_dir, cache_dir=tmp_path / "cache"),
        model=cut(plan.model, features=lambda: train_features(dataset, data_dir)),
        training=dataclasses.replace(
            plan.training, epochs=epochs, batch_size=count // 2
        ),
        reports=dataclasses.replace(plan.reports, best_by=best_by, **reports),
    )
    run = folder_lib.Folder(tmp_path / case.name.replace("/", "_"))
    experiment.train(plan, run)
    return run


def terms_of(run):
    """The averages over epochs of all terms; samples of what is only fitted."""
    if not (run.path / "metrics.jsonl").exists():
        return restore.load_model(run.path).sample(2, seed=0)
    with (run.path / "metrics.jsonl").open() as stream:
        lines = [json.loads(line) for line in stream]
    assert lines[-1]["step"] >= 1
    return [v for line in lines for k, v in line.items() if k.startswith("epoch/")]


@pytest.mark.slow
def test_an_epoch_of_each_stage(case, tmp_path):
    terms = np.asarray(terms_of(train(case, tmp_path)), float)
    shutil.rmtree(tmp_path)  # a gigabyte where networks are those of CelebA
    assert terms.size
    assert np.isfinite(terms).all()
