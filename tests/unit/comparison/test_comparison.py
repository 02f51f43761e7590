# SPDX-License-Identifier: Apache-2.0
"""Comparisons: nothing is done twice, what fails leaves a row, numbers are true."""

import dataclasses
import json
import sys

import matplotlib.image
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from glf_tf import errors
from glf_tf.comparison import comparison, measuring
from glf_tf.comparison import cost as cost_lib
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import job as job_lib
from glf_tf.comparison import record as record_lib
from glf_tf.comparison import row as row_lib
from glf_tf.comparison import training as training_lib
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits
from glf_tf.evaluation import settings as settings_lib
from glf_tf.experiments import experiment, plan, restore
from glf_tf.metrics.extractors import features
from glf_tf.models import model as model_lib
from glf_tf.plotting import curves
from glf_tf.training import options
from tests import descriptors

PROJECTION = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
PIXELS = features.FunctionExtractor(
    lambda images: np.reshape(images, [len(images), 64]) @ PROJECTION,
    name="projection",
    dim=6,
    checksum="0",
)
EPOCHS, BATCH_SIZE = 2, 200
FAILING = "import sys; sys.exit('error: Every loss term must stay finite.')"
MORE = {
    "others": [
        features.FunctionExtractor(
            lambda images: np.reshape(images, [len(images), 8, 8]).mean(axis=2),
            name="brightness",
            dim=8,
            checksum="1",
        )
    ]
}


class Uniform(model_lib.GenerativeModel):
    """A model without encoder, and with nothing to train."""

    def __init__(self, image_shape, *, name="uniform"):
        super().__init__(image_shape, name=name)

    def stages(self):
        return ()

    def _sample(self, n, *, seed, temperature):
        return tf.random.stateless_uniform([n, *self.image_shape], seed=seed)


@pytest.fixture(scope="module")
def data():
    loader = digits.Digits(paths_lib.DataPaths())
    return {"train": loader.load("train"), "test": loader.load("test")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a comparison in which one run is trained, not measured."""
    folder = folder_lib.Folder(tmp_path_factory.mktemp("comparison"))
    experiment.train(
        plan.Plan(
            dataset="digits",
            model=descriptors.MODELS["glf_two_stage"],
            training=options.Training(epochs={"": EPOCHS}, batch_size=BATCH_SIZE),
            reports=plan.Reports(draw_every=0, validate_every=0, export=False),
        ),
        folder.run("vae_digits"),
    )
    return folder


@pytest.fixture(autouse=True)
def no_calls(trained):
    """Forgets the trainings that another test started."""
    count_calls(trained)


@pytest.fixture
def children():
    with training_lib.Children() as made:
        yield made


def make_measuring(data, *, of_densities=None, **settings):
    settings = settings_lib.Settings(**{"samples": 100, "trials": 2, **settings})
    more = of_densities or {}
    return measuring.Measuring(**data, extractor=PIXELS, settings=settings, **more)


def make_job(folder, name="vae_digits", *, program="", seed=0, **changes):
    """A job whose command notes that it was called."""
    path = folder.path / f"{name}.cfg"
    path.write_text("# Expected: FID 8.2. Measured: no.\n")
    note = f"open({str(folder.path / 'calls')!r}, 'a').write('x'); {program}"
    flags = {"beta": 1.0, "epochs": EPOCHS, "draw_every": 5, "data_dir": None}
    return job_lib.Job(
        recipe=job_lib.Recipe(name, path, published="FID 8.2"),
        seed=seed,
        folder=folder.run(name),
        command=(sys.executable, "-c", note),
        plan={
            "dataset": {"name": "digits"},
            "epochs": {"": EPOCHS},
            "batch_size": BATCH_SIZE,
            "flags": flags,
            **changes,
        },
    )


def count_calls(folder):
    """How many trainings were started since it was last asked."""
    file = folder.path / "calls"
    text = file.read_text() if file.exists() else ""
    file.unlink(missing_ok=True)
    return len(text)


def compare(folder, jobs, data, children, **settings):
    measuring = make_measuring(data, **settings)
    table = comparison.compare(
        jobs, folder=folder, measuring=measuring, children=children
    )
    comparison.save(table, folder=folder, measuring=measuring)
    return table


@pytest.fixture
def measured(monkeypatch):
    """The names of the jobs that are measured from now on, the first of them truly."""
    names, results = [], []
    measure = measuring.Measuring.measure

    def noted(self, job):
        names.append(job.name)
        results.append(results[0] if results else measure(self, job))
        return results[0]

    monkeypatch.setattr(measuring.Measuring, "measure", noted)
    return names


def test_nothing_is_done_twice(trained, data, children, measured):
    first = compare(trained, [make_job(trained)], data, children)
    assert (count_calls(trained), measured) == (1, ["vae_digits"])
    again = compare(trained, [make_job(trained)], data, children)
    assert (count_calls(trained), measured) == (0, ["vae_digits"])
    assert again.to_dict() == first.to_dict()
    # Another protocol: measured anew, not trained.
    compare(trained, [make_job(trained)], data, children, trials=1)
    assert (count_calls(trained), len(measured)) == (0, 2)
    # Other places and reports: neither.
    flags = {**make_job(trained).plan["flags"], "draw_every": 0, "data_dir": "/x"}
    compare(trained, [make_job(trained, flags=flags)], data, children, trials=1)
    assert (count_calls(trained), len(measured)) == (0, 2)
    # Another training: both.
    for changed in ({"beta": 2.0}, {"epochs": 3}):
        other = make_job(trained, flags={**flags, **changed})
        compare(trained, [other], data, children, trials=1)
    assert (count_calls(trained), len(measured)) == (2, 4)
    # A checkpoint that the record does not know of: both.
    (manifest,) = trained.run("vae_digits").checkpoints.glob("step_*28/manifest.json")
    manifest.write_text(manifest.read_text() + "\n")
    compare(trained, [other], data, children, trials=1)
    assert (count_calls(trained), len(measured)) == (1, 5)


def test_numbers_are_those_of_the_model(trained, data, children):
    table = compare(trained, [make_job(trained)], data, children)
    (row,) = table.rows
    model = restore.load_model(trained.run("vae_digits").path)
    images = np.float32(data["test"].images) / 255.0
    error = np.sum((images - model.reconstruct(images)) ** 2, axis=(1, 2, 3)).mean()
    found, _ = row.number("reconstruction_per_image", source="reconstructions")
    np.testing.assert_allclose(found, error, rtol=1e-4)
    real = next(item.mean for item in table.real if item.metric == "fd")
    of_reconstructions, _ = row.number("fd", source="reconstructions")
    of_samples, deviation = row.number("fd", source="samples")
    assert real < of_reconstructions
    assert real < of_samples
    assert deviation > 0
    cost = row.results[0].cost
    assert cost.parameters == sum(np.size(v) for v in model.trainable_variables)
    assert cost.epochs == {"autoencoder": EPOCHS, "flow": EPOCHS}
    assert cost.notes == ()
    speeds = [
        line["epoch/examples_per_second"]
        for line in curves.read(trained.run("vae_digits").path).epoch_lines
    ]
    seconds = [7 * BATCH_SIZE / speed for speed in speeds]
    np.testing.assert_allclose(cost.training_seconds, sum(seconds))
    longest = max(seconds[:EPOCHS], seconds[EPOCHS:], key=sum)
    np.testing.assert_allclose(cost.seconds_per_epoch, np.median(longest[1:]))
    assert cost.samples_per_second > 0
    kept = np.load(trained.run("vae_digits").path / measuring.SAMPLES)
    drawn = np.round(255 * model.sample(len(kept), seed=0).numpy())
    np.testing.assert_allclose(kept, drawn, atol=1)  # rounding


def test_files_hold_the_table(trained, data, children):
    failing = make_job(trained, "wild_digits", program=FAILING)
    table = compare(trained, [failing, make_job(trained)], data, children)
    text = trained.markdown.read_text()
    for word in ("vae_digits", "FD-projection", "not comparable", "real images"):
        assert word in text
    assert "| FID 8.2 |" in text
    numbers = json.loads(trained.numbers.read_text())
    assert numbers["recipes"] == json.loads(json.dumps(table.to_dict()))["recipes"]
    (result,) = (
        item["result"] for item in numbers["recipes"][0]["trainings"] if item["result"]
    )
    assert len(result["measurements"][0]["values"]) == 2
    picture = matplotlib.image.imread(trained.samples)
    assert picture[..., :3].std() > 0.05
    events = event_accumulator.EventAccumulator(
        str(trained.hparams / "vae_digits/tensorboard"), size_guidance={"tensors": 0}
    ).Reload()
    (scalar,) = events.Tensors("evaluation/fd")
    row = next(row for row in table.rows if row.results)
    expected, _ = row.number("fd", source="samples")
    np.testing.assert_allclose(
        float(tf.make_ndarray(scalar.tensor_proto)), expected, rtol=1e-5
    )
    assert events.PluginTagToContent("hparams")


def test_a_failed_training_leaves_a_row_and_the_others_go_on(trained, data, children):
    jobs = [
        make_job(trained, "wild_digits", program=FAILING),
        make_job(trained, "lost_digits", program="import os; os.kill(os.getpid(), 9)"),
        make_job(trained, "empty_digits"),  # ends well and leaves no run
        make_job(trained),
    ]
    table = compare(trained, jobs, data, children)
    assert [row.recipe.name for row in table.sorted_rows][0] == "vae_digits"
    failed = {item.job.name: item.error for row in table.rows for item in row.trainings}
    assert failed["vae_digits"] == ""
    assert failed["wild_digits"] == "Every loss term must stay finite."
    assert "SIGKILL" in failed["lost_digits"]
    assert "run.json" in failed["empty_digits"]
    for text in (table.to_text(), table.to_markdown()):
        assert "wild_digits: Every loss term must stay finite." in text
        assert text.count("failed") == 3


def test_a_model_without_encoder_has_no_reconstructions(
    trained, data, children, monkeypatch
):
    model = Uniform(image_shape=(8, 8, 1))
    monkeypatch.setattr(restore, "load_model", lambda _: model)
    job = make_job(trained, "uniform_digits")
    job.folder.path.mkdir(exist_ok=True)
    (row,) = compare(trained, [job], data, children).rows
    assert row.number("fd", source="reconstructions") is None
    assert row.number("fd", source="samples")[0] > 0
    assert row.epochs == ""
    assert row.cost("seconds_per_epoch") is None
    (line,) = (
        line
        for line in trained.markdown.read_text().splitlines()
        if "uniform_digits" in line and line.startswith("|")
    )
    assert [cell.strip() for cell in line.split("|")][3:5] == ["-", "-"]


def test_another_budget_in_the_folder_is_reported(trained, data, children):
    job = make_job(trained, epochs={"": EPOCHS, "flow": 5})
    model = restore.load_model(job.folder.path)
    cost = cost_lib.of(model, job=job, data=data["train"])
    (note,) = cost.notes
    assert "flow was trained for 2 epochs, not 5" in note


def test_several_seeds_have_a_mean_and_a_deviation(trained, data, children):
    ((done,),) = (
        row.trainings
        for row in compare(trained, [make_job(trained)], data, children).rows
    )
    trainings = [dataclasses.replace(done, result=None, error="It broke")]
    for factor in (1.0, 3.0):
        scaled = tuple(
            dataclasses.replace(one, values=tuple(factor * v for v in one.values))
            for one in done.result.measurements
        )
        result = dataclasses.replace(done.result, measurements=scaled)
        trainings.append(dataclasses.replace(done, result=result))
    row = row_lib.Row(done.job.recipe, tuple(trainings))
    one = done.result.of("fd", source="samples").mean
    np.testing.assert_allclose(
        row.number("fd", source="samples"), [2 * one, 2 * one / np.sqrt(2)]
    )
    assert "It broke" in row.notes[0]


def test_densities_on_shared_codes_have_likelihoods_and_costs_of_their_own(
    trained, data, children
):
    held_out = dataclasses.replace(data["train"].take(90), split="validation")
    more = {"validation": held_out, **MORE}
    table = compare(trained, [make_job(trained)], data, children, of_densities=more)
    (row,) = table.rows
    model = restore.load_model(trained.run("vae_digits").path)
    for images in (held_out, data["test"]):
        codes = model.encode(np.float32(images.images) / 255.0)
        found, _ = row.number("nll", source=f"{images.split} latents")
        nats = -np.mean(model.prior.log_prob(codes))
        np.testing.assert_allclose(found, nats, rtol=1e-4)
    by_both = [
        row.number("fd", source="samples", extractor=name)[0]
        for name in ("projection", "brightness")
    ]
    assert by_both[0] == row.number("fd", source="samples")[0]
    assert by_both[0] != by_both[1]
    (cost,) = (result.cost for result in row.results)
    assert cost.prior_parameters == sum(map(np.size, model.prior.trainable_variables))
    assert cost.prior_parameters < cost.parameters
    assert cost.latents_per_second > cost.samples_per_second / 2
    head, _, real, line = (
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in table.to_markdown().splitlines()
        if line.startswith("|")
    )
    by_title = dict(zip(head, zip(real, line, strict=True), strict=True))
    assert by_title["NLL, test"][0] == "-"
    for title in ("FD-projection", "FD-brightness", "recall", "coverage"):
        assert "-" not in by_title[title]
    assert by_title["FD-projection"] != by_title["FD-brightness"]


def test_whole_models_are_measured_by_all_extractors(trained, data, children):
    alone, both = (make_measuring(data, of_densities=how) for how in ({}, MORE))
    assert alone.identity != both.identity
    table = compare(trained, [make_job(trained)], data, children, of_densities=MORE)
    head, _, _, line = table.to_markdown().splitlines()[2:6]
    cells = dict(zip(head.split(" | "), line.split(" | "), strict=True))
    for title in ("FD-brightness", "of reconstructions, FD-brightness", "coverage"):
        assert float(cells[title].split()[0]) > 0
    assert cells["of reconstructions"] != cells["of reconstructions, FD-brightness"]


def test_what_is_held_out_takes_the_place_of_the_test_images(trained, data, children):
    held_out = dataclasses.replace(data["train"].take(90), split="validation")
    instead = {"train": data["train"], "test": held_out}
    how = {"reference_split": "validation", "of_densities": {"validation": held_out}}
    table = compare(trained, [make_job(trained)], instead, children, **how)
    (row,) = table.rows
    assert row.number("nll", source="validation latents") is not None
    assert row.number("nll", source="test latents") is None
    assert "against 90 validation images" in table.protocol[0]
    assert "NLL, validation" in table.to_markdown()


def test_fits_without_gradients_are_counted_and_timed(data):
    model = descriptors.model("rae")
    codes = model.encode_all(data["train"])
    model.prior.fit(codes)
    before = model.prior.log_prob(codes).numpy()
    found = cost_lib._of_prior(model, data=data["train"])
    assert found["prior_parameters"] == 3 * (4 + 10 + 1) - 1
    assert found["fit_seconds"] > 0
    np.testing.assert_allclose(model.prior.log_prob(codes), before, rtol=1e-5)


def test_all_start_from_what_is_trained_first(trained, data, children):
    first = make_job(trained, "first_digits", program="open('x')")
    job = dataclasses.replace(make_job(trained), start=first)
    with pytest.raises(errors.Damaged, match="first_digits: .*No such file"):
        compare(trained, [job], data, children)
    assert count_calls(trained) == 1  # and nothing after it


def test_what_starts_from_a_failed_row_fails_and_says_so(trained, data, children):
    first = make_job(trained, "first_digits", program="open('x')")
    second = dataclasses.replace(make_job(trained, "second_digits"), start=first)
    table = compare(trained, [first, second], data, children)
    assert count_calls(trained) == 1
    errors_of = [row.trainings[0].error for row in table.rows]
    assert "No such file" in errors_of[0]
    assert errors_of[1] == "It starts from first_digits, whose training failed"


def test_rows_from_another_start_are_refused(trained, data, children):
    folder = trained.run("vae_digits")
    compare(trained, [make_job(trained)], data, children)
    before = record_lib.read(folder)
    assert before.start == ""
    (folder.path / record_lib.NAME).unlink()
    start = make_job(trained)
    compare(trained, [dataclasses.replace(start, start=start)], data, children)
    kept = record_lib.read(folder)
    assert kept.start == record_lib.checkpoint_digest(folder)
    record_lib.write(folder, dataclasses.replace(kept, start="another"))
    with pytest.raises(errors.Occupied, match="Received: vae_digits, trained from"):
        compare(trained, [make_job(trained)], data, children)
    record_lib.write(folder, before)
    compare(trained, [make_job(trained)], data, children)


def test_what_patience_waits_for_is_part_of_the_training(trained):
    flags = {**make_job(trained).plan["flags"], "best_by": "test/nll"}
    assert "best_by" not in make_job(trained, flags=flags).training
    patient = make_job(trained, flags={**flags, "patience": 3}).training
    assert (patient["best_by"], patient["patience"]) == ("test/nll", 3)


def test_only_fids_stand_beside_published_figures(trained, data, children):
    table = compare(trained, [make_job(trained)], data, children)
    assert "published, not comparable" in table.to_text()
    inception = tuple(
        dataclasses.replace(
            item,
            protocol=dataclasses.replace(item.protocol, extractor=features.INCEPTION),
        )
        for item in table.real
    )
    text = dataclasses.replace(table, real=inception).to_text()
    assert "published" in text
    assert "not comparable" not in text


def test_recipes_of_several_datasets_are_refused(trained, data, children):
    other = make_job(trained, "glf_mnist", dataset={"name": "mnist"})
    with pytest.raises(errors.InvalidValue, match="same data set"):
        compare(trained, [make_job(trained), other], data, children)
    assert count_calls(trained) == 0


def test_a_record_of_another_version_is_not_read(tmp_path):
    folder = folder_lib.Folder(tmp_path).run("x")
    assert record_lib.read(folder) is None
    folder.write("comparison.json", '{"version": 0}')
    assert record_lib.read(folder) is None
    folder.write("comparison.json", '{"version": 1, "result": {}}')
    assert record_lib.read(folder) is None
