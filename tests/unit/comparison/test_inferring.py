# SPDX-License-Identifier: Apache-2.0
"""What a comparison measures of hidden pixels, beside the same by hand."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from glf_tf.comparison import folder as folder_lib
from glf_tf.comparison import inferring, measuring
from glf_tf.comparison import job as job_lib
from glf_tf.data import paths as paths_lib
from glf_tf.evaluation import settings as settings_lib
from glf_tf.experiments import experiment, plan, restore
from glf_tf.metrics import hidden, reconstruction
from glf_tf.models import chains
from glf_tf.tasks import infer, inpaint, recover
from glf_tf.training import options
from tests import descriptors

PATHS = paths_lib.DataPaths()
SHAPE = (8, 8, 1)
CHAIN = {"name": "langevin", "steps": 7}
MASKS = {"half": {"name": "half"}, "middle": {"name": "square", "size": 3}}
HIDDEN = {
    "name": "occluded",
    "dataset": "digits",
    "mask": {"name": "square", "size": 4, "place": "random"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs whose training images had hidden pixels: chains persist in one of them."""
    folder = folder_lib.Folder(tmp_path_factory.mktemp("comparison"))
    for name in ("abp", "lfbm"):
        experiment.train(
            plan.Plan(
                dataset=HIDDEN,
                model=descriptors.MODELS[name],
                training=options.Training(epochs={"": 1}, batch_size=200),
                reports=plan.Reports(draw_every=0, validate_every=0, export=False),
            ),
            folder.run(name),
        )
    return {name: folder.run(name) for name in ("abp", "lfbm")}


@pytest.fixture(scope="module")
def test_set(runs):
    return restore.load_data(runs["lfbm"].path, "test", paths=PATHS)


def make(**changes):
    asked = {"chain": CHAIN, "masks": MASKS, "completed": 6, "attempts": 2}
    return inferring.Inferring(SHAPE, paths=PATHS, **{**asked, **changes})


def by_source(found):
    return {(each.protocol.source, each.metric): each.values[0] for each in found}


def test_completions_are_those_of_the_task(runs, test_set):
    model = restore.load_model(runs["lfbm"].path)
    run = runs["lfbm"].path
    found = by_source(make(seed=3).measure(model, run=run, test=test_set))
    assert list(found) == [
        (name, metric) for name in MASKS for metric in ("hidden_error", "all_error")
    ]
    images = test_set.images[:6]
    chain = catalogue.build("inference", CHAIN)
    for name, spec in MASKS.items():
        mask = catalogue.build("mask", spec, image_shape=SHAPE)
        masks = mask.draw(tf.range(6), seed=3).numpy()
        inference = infer.Inference(model, chain=chain, start="prior")
        made = inpaint.inpaint(inference, images, masks, attempts=2, seed=3)
        errors_of_each = [
            hidden.hidden_error(images, made=made[:, k], masks=masks) for k in (0, 1)
        ]
        for metric, field in (
            ("hidden_error", "hidden_symmetric"),
            ("all_error", "all_symmetric"),
        ):
            mean = np.mean([getattr(error, field) for error in errors_of_each])
            np.testing.assert_allclose(found[name, metric], mean, rtol=1e-5)


@pytest.mark.parametrize("name", ["abp", "lfbm"])
def test_recovered_are_the_images_of_which_training_hid_pixels(runs, test_set, name):
    model = restore.load_model(runs[name].path)
    measure = make(masks={}, recovered=20)
    found = by_source(measure.measure(model, run=runs[name].path, test=test_set))
    train = restore.load_data(runs[name].path, "train", paths=PATHS).take(20)
    masks = recover.masks_of(train)
    assert 0.2 < 1 - masks.mean() < 0.3  # 16 of 64 pixels
    inference = infer.Inference(model, chain=catalogue.build("inference", CHAIN))
    made = recover.recover(inference, train, masks, seed=0)
    error = hidden.hidden_error(train.images, made=made, masks=masks)
    assert found == {
        ("recovered", "hidden_error"): pytest.approx(error.hidden_symmetric, rel=1e-5),
        ("recovered", "all_error"): pytest.approx(error.all_symmetric, rel=1e-5),
    }


def test_every_option_is_a_part_of_the_protocol():
    changes = (
        {"chain": None},
        {"masks": {"half": MASKS["half"]}},
        {"completed": 7},
        {"attempts": 3},
        {"recovered": 5},
        {"seed": 1},
    )
    identities = [make(**change).identity for change in ({}, *changes)]
    assert all(identities.count(each) == 1 for each in identities)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"masks": {"all": {"name": "square", "size": 8}}}, "must fit in the image"),
        ({"masks": {"all": {"name": "sqare"}}}, "Did you mean square"),
        ({"chain": {"name": "langevin", "step": 3}}, "Did you mean steps"),
    ],
)
def test_what_cannot_be_hidden_is_said_before_training(changes, said):
    with pytest.raises(errors.InvalidValue, match=said):
        make(**changes)


def test_images_without_hidden_pixels_are_not_recovered(runs, test_set, tmp_path):
    run = folder_lib.Folder(tmp_path).run("whole")
    whole = plan.Plan(
        dataset="digits",
        model=descriptors.MODELS["lfbm"],
        training=options.Training(epochs={"": 1}, batch_size=1000),
        reports=plan.Reports(draw_every=0, validate_every=0, export=False),
    )
    experiment.train(whole, run)
    model = restore.load_model(run.path)
    with pytest.raises(errors.InvalidValue, match="images with hidden pixels"):
        make(masks={}, recovered=5).measure(model, run=run.path, test=test_set)


@pytest.fixture
def asked():
    """A comparison's own way to ask for all this, by the values of a table's file."""
    return {
        "paths": PATHS,
        "extractors": ("random_convolutional",),
        "settings": settings_lib.Settings(samples=50, trials=1),
        "inferred": {"chain": CHAIN, "masks": MASKS, "completed": 4, "recovered": 8},
    }


def make_job(run):
    return job_lib.Job(
        recipe=job_lib.Recipe(run.path.name, run.path, published=""),
        seed=0,
        folder=run,
        command=(),
        plan={"dataset": HIDDEN, "epochs": {"": 1}, "batch_size": 200, "flags": {}},
    )


def test_a_comparison_measures_them_with_the_chains_of_its_table(runs, asked):
    measure = measuring.of_dataset(HIDDEN, **asked)
    assert not measure.needs_one_dataset  # what is hidden is each run's own
    assert measure.identity["inferring"]["recovered"] == 8
    assert measuring.of_dataset({**HIDDEN, "mask": "half"}, **asked).identity == (
        measure.identity
    )
    found = by_source(measure.measure(make_job(runs["lfbm"])).measurements)
    expected = {("half", "hidden_error"), ("recovered", "all_error")}
    assert expected <= set(found)

    model = restore.load_model(runs["lfbm"].path)
    by_chain = infer.Inference(model, chain=catalogue.build("inference", CHAIN))
    error = reconstruction.squared_error(
        measure.test.images,
        reconstructions=by_chain.reconstruct(measure.test.images, seed=0),
    )
    key = ("reconstructions", "reconstruction_per_image")
    np.testing.assert_allclose(found[key], error.per_image_unit, rtol=0.02)


def test_encoders_reconstruct_by_themselves():
    measure = make()
    encodes = descriptors.model("glf_two_stage")
    assert isinstance(encodes, chains.InfersLatents)
    assert measure.of_reconstructions(encodes) is None
    assert measure.of_reconstructions(descriptors.model("lfbm")) is measure.chain


def test_without_any_nothing_is_different(asked):
    plain = measuring.of_dataset(HIDDEN, **{**asked, "inferred": None})
    assert "inferring" not in plain.identity
    assert plain.needs_one_dataset
    assert dataclasses.asdict(plain.settings)["crop"].startswith("dataset=digits, mask")
