# SPDX-License-Identifier: Apache-2.0
"""Evaluation: every image source under one protocol, which is recorded."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from glf_tf import catalogue, errors, export
from glf_tf.data import paths as paths_lib
from glf_tf.datasets import digits, without
from glf_tf.evaluation import evaluation, image_sources, reporting
from glf_tf.evaluation import settings as settings_lib
from glf_tf.experiments import experiment, folder, plan
from glf_tf.inference import langevin
from glf_tf.metrics import protocol
from glf_tf.metrics.extractors import choice, classifier, features
from glf_tf.models import rae
from glf_tf.tasks import authors
from glf_tf.training import options
from tests import descriptors

DIM = 6
PROJECTION = np.random.default_rng(0).normal(size=(64, DIM)).astype(np.float32)
PIXELS = features.FunctionExtractor(
    lambda images: np.reshape(images, [len(images), 64]) @ PROJECTION,
    name="projection",
    dim=DIM,
    checksum="0",
)


@pytest.fixture(scope="module")
def data():
    loader = digits.Digits(paths_lib.DataPaths())
    return loader.load("train"), loader.load("test")


def make(data, *, classifier=None, **settings):
    settings = {"samples": 200, "trials": 2, **settings}
    return evaluation.Evaluation(
        train=data[0],
        test=data[1],
        extractor=lambda: PIXELS,
        settings=settings_lib.Settings(**settings),
        classifier=classifier,
    )


def test_real_images_are_nearer_than_samples_of_an_untrained_model(data):
    measuring = make(data)
    (floor,) = measuring.floor()
    model = image_sources.ModelSamples(descriptors.model("glf"))
    (drawn,) = measuring.samples(model, metrics=["fd"])
    assert floor.mean < 0.1 * drawn.mean
    assert len(floor.values) == 2
    assert floor.protocol.source == "real train images"


def test_every_metric_is_measured_and_survives_json(data):
    model = descriptors.model("glf")
    network = classifier.build((8, 8, 1), classes=10, seed=0)
    by = classifier.Classifier(network, dataset="untrained", accuracy=0.1)
    settings = {"trials": 1, "mode_samples": 20}
    measuring = make(data, classifier=lambda: by, **settings)
    drawn = image_sources.ModelSamples(model)
    known = settings_lib.supported(model)
    found = measuring.samples(drawn, metrics=settings_lib.METRICS)
    found += measuring.model(model, metrics=known)
    keys = {item.metric for item in found}
    assert {"fd", "kid", "coverage", "prd_f_8", "nll", "modes_kl", "copying"} <= keys
    assert protocol.from_json(protocol.to_json(found)) == found
    text = reporting.table(found)
    assert all(item.title in text for item in found)


def test_what_is_held_out_takes_the_place_of_the_test_images(data):
    model = descriptors.model("vae")
    held_out = dataclasses.replace(data[0].take(90), split="validation")
    how = {"reference_split": "validation", "bound_samples": 2}
    measuring = make((data[0], held_out), **how)
    found = measuring.model(model, metrics=("reconstruction", "nll", "bound"))
    found += measuring.floor()
    used = [item.protocol for item in found]
    assert {how.reference_split for how in used} == {"validation"}
    assert {how.references for how in used} == {90}
    assert {how.source for how in used} == {
        "reconstructions",
        "validation latents",
        "validation images",
        "real train images",
    }


def test_numbers_of_a_model_agree_with_its_own(data):
    measuring, model = make(data), descriptors.model("glf")
    found = {
        item.metric: item.mean
        for item in measuring.model(model, metrics=["nll", "reconstruction"])
    }
    image = np.float32(data[1].images) / 255.0
    expected = np.sum((image - model.reconstruct(image)) ** 2, axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(found["reconstruction_per_image"], expected, rtol=1e-4)
    nll = -np.mean(model.log_prob(model.encode(image)))
    np.testing.assert_allclose(found["nll"], nll, rtol=1e-4)


def test_the_error_of_a_solver_is_told(data):
    few = [part.take(20) for part in data]
    prior = {
        "name": "flow_matching",
        "hidden": 4,
        "depth": 1,
        "embedding": 2,
        "steps": 2,
    }
    network = {"name": "mlp", "hidden": (4,)}
    model = rae.RAE((8, 8, 1), latent_dim=2, network=network, prior=prior)
    descriptors.perturb(model, scale=0.3)
    (found,) = make(few).model(model, metrics=["nll"])
    z = model.encode(np.float32(few[1].images) / 255.0)
    error = np.mean(model.prior.solver_error(z))
    assert error > 1e-6
    assert f"by {error:.1g}" in found.notes[0]


def test_protocol_says_what_was_done_and_not_what_was_asked_for(data):
    found = make(data).model(
        descriptors.model("glf"), metrics=["reconstruction", "nll"]
    )
    for item in found:
        assert (item.protocol.samples, item.protocol.rounded) == (len(data[1]), False)
        is_density = item.metric == "nll"
        expected = "test latents" if is_density else "reconstructions"
        assert item.protocol.source == expected


def test_bound_is_that_of_the_model(data):
    measuring, model = make(data, bound_samples=3), descriptors.model("vae")
    (bound,) = measuring.model(model, metrics=["bound"])
    image = np.float32(data[1].images) / 255.0
    (elbo,) = make(data, bound_samples=1).model(model, metrics=["bound"])
    expected = -np.mean(model.log_likelihood_bound(image, seed=7, num_samples=3))
    np.testing.assert_allclose(bound.mean, expected, rtol=2e-2)
    assert bound.metric == "bound_3"
    assert bound.protocol.source == "test images"
    assert bound.mean < elbo.mean


def test_a_bound_says_that_the_decoder_was_sharpened(data):
    spec = {**descriptors.MODELS["vae"], "sharpen": "adversarial"}
    sharp = catalogue.build("model", spec, **descriptors.arguments("vae"))
    for model, words in ((sharp, "sharpened decoder"), (descriptors.model("vae"), "")):
        (bound,) = make(data, bound_samples=1).model(model, metrics=["bound"])
        assert len(bound.notes) == bool(words)
        assert words in " ".join(bound.notes)


def test_metrics_are_those_that_the_model_has(data):
    assert "bound" in settings_lib.supported(descriptors.model("vae"))
    assert "bound" not in settings_lib.supported(descriptors.model("glf"))
    assert "nll" not in settings_lib.supported(None)
    with pytest.raises(errors.Unsupported, match="variational"):
        make(data).model(descriptors.model("glf"), metrics=["bound"])


def test_the_classifier_learns_what_is_left_where_a_class_is_left_out(monkeypatch):
    learned = {}
    monkeypatch.setattr(
        choice.classifier,
        "load_or_fit",
        lambda *_, train, test, **__: learned.update(train=train[1], test=test[1]),
    )
    paths = paths_lib.DataPaths()
    for found, expected in (
        (without.Without(paths, label=4), {5: 4, 9: 8, 3: 3}),
        (digits.Digits(paths), {5: 5, 9: 9, 3: 3}),
    ):
        parts = {split: found.load(split) for split in ("train", "test")}
        choice.make("classifier", **parts, paths=paths)
        for split, part in parts.items():
            for label, number in expected.items():
                assert set(learned[split][part.labels == label]) == {number}
            assert set(learned[split]) == set(range(len(np.unique(part.labels))))


def test_models_without_an_encoder_reconstruct_through_chains(data):
    model = descriptors.model("sri")
    few = [part.take(20) for part in data]
    known = settings_lib.supported(model)
    assert "reconstruction" in known
    assert "nll" not in known
    with pytest.raises(errors.Unsupported, match="encodes"):
        make(few).model(model, metrics=["nll"])
    errors_of = {}
    for steps in (1, 60):
        chain = langevin.Langevin(steps=steps, step_size=0.05, noise=False)
        found = make(few, chain=chain).model(model, metrics=["reconstruction"])
        by_key = {item.metric: item.mean for item in found}
        errors_of[steps] = by_key["reconstruction_per_pixel"]
        symmetric = by_key["reconstruction_per_pixel_symmetric"]
        np.testing.assert_allclose(symmetric, 4 * errors_of[steps], rtol=1e-6)
        assert f"steps={steps}," in reporting.table(found)
    assert errors_of[60] < errors_of[1]


def test_saved_model_gives_the_numbers_of_the_model(data, tmp_path):
    model = descriptors.model("glf")
    export.export(model, tmp_path / "saved")
    measuring = make(data)
    for first, second in zip(
        measuring.samples(image_sources.ModelSamples(model), metrics=["fd"]),
        measuring.samples(
            image_sources.SavedModelSamples(tmp_path / "saved"), metrics=["fd"]
        ),
        strict=True,
    ):
        np.testing.assert_allclose(first.values, second.values, rtol=1e-3)


def test_rounding_is_done_when_the_protocol_says_so(data):
    images = np.full((50, 8, 8, 1), 0.5 / 255, np.float32)
    images[::2] = 0.4 / 255
    source = image_sources.GivenImages(images)
    drawn = {
        rounded: np.concatenate(
            list(make(data, rounded=rounded)._images(source, count=50, seed=0))
        )
        for rounded in (True, False)
    }
    assert drawn[True].dtype == np.uint8
    assert drawn[True].max() == 0
    np.testing.assert_allclose(drawn[False].max(), 0.5 / 255)


def test_authors_sampling_stretches_and_leaves_the_model_as_it_was():
    model = descriptors.model("glf_convolutional")
    before = [np.array(v) for v in model.variables]
    (images,) = authors.sample(model, 12, seed=1)
    np.testing.assert_allclose(images.min(axis=(1, 2, 3)), 0.0)
    np.testing.assert_allclose(images.max(axis=(1, 2, 3)), 1.0, rtol=1e-6)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    plain = model.sample(12, seed=1)
    assert np.abs(authors._stretched(plain.numpy()) - images).max() > 1e-3


def test_fitted_normal_latents_have_the_moments_of_the_codes(data):
    model = descriptors.model("glf")
    source = image_sources.NormalLatents(model, fitted_to=data[0].images)
    codes = model.encode(np.float32(data[0].images) / 255.0).numpy()
    np.testing.assert_allclose(source._mean, codes.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(
        source._root @ source._root.T, np.cov(codes, rowvar=False), atol=1e-4
    )
    drawn = np.concatenate(list(source.draw(7, seed=0)))
    assert drawn.shape == (7, 8, 8, 1)


def test_given_images_are_drawn_without_repetition():
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    drawn = np.concatenate(list(image_sources.GivenImages(images).draw(10, seed=0)))
    assert sorted(drawn.ravel()) == list(range(10))
    other = np.concatenate(list(image_sources.GivenImages(images).draw(5, seed=1)))
    assert sorted(other.ravel()) != list(range(5))


def test_bad_samples_are_refused(data):
    for images, word in (
        (np.zeros((5, 9, 8, 1), np.uint8), "shape"),
        (np.full((5, 8, 8, 1), np.nan, np.float32), "NaN"),
        (np.full((5, 8, 8, 1), 2.0, np.float32), r"\[0, 1\]"),
        (np.zeros((1, 8, 8, 1), np.uint8), "2 samples"),
    ):
        with pytest.raises(errors.InvalidValue, match=word):
            make(data).samples(image_sources.GivenImages(images), metrics=["fd"])


def test_a_folder_without_saved_model_is_refused(tmp_path):
    with pytest.raises(errors.NotFound, match="saved_model.pb"):
        image_sources.SavedModelSamples(tmp_path)


def test_presets_set_counts_and_are_recorded(data):
    paper = settings_lib.Settings.of_preset("glf_paper")
    assert (paper.samples, paper.references, paper.trials) == (10_000, 10_000, 10)
    assert paper.preset == "glf_paper"


def test_extractor_of_a_set_without_labels_is_refused(data):
    unlabelled = descriptors.dataclasses.replace(data[0], labels=None)
    how = {"train": unlabelled, "test": data[1], "paths": paths_lib.DataPaths()}
    with pytest.raises(errors.Unsupported, match="labels"):
        choice.make("classifier", **how)
    with pytest.raises(errors.InvalidValue, match="classifier"):
        choice.make("clasifier", **how)


def test_a_set_without_labels_has_an_extractor_by_itself(data):
    how = {"test": data[1], "paths": paths_lib.DataPaths()}
    unlabelled = descriptors.dataclasses.replace(data[0], labels=None)
    # A class of which no picture is left to learn from.
    unknown = data[0].select(data[0].labels != 3)
    for train in (unlabelled, unknown):
        found = choice.make("auto", train=train, **how)
        assert found.name == "random_convolutional"
        assert found.checksum in choice.described(found)


@pytest.mark.parametrize(("accuracy", "tells"), [(0.9, True), (0.4, False)])
def test_a_classifier_at_chance_is_reported(accuracy, tells):
    network = classifier.build((8, 8, 1), classes=3, seed=0)
    made = classifier.Classifier(network, dataset="toys", accuracy=accuracy)
    message = choice.described(made)
    assert f"accuracy {100 * accuracy:.2f} %" in message
    assert ("chance is 33.33 %" in message) != tells


def test_metrics_without_features_make_no_extractor(data):
    def refuse():
        raise AssertionError("nobody needs features")

    measuring = evaluation.Evaluation(
        train=data[0],
        test=data[1].take(20),
        extractor=refuse,
        settings=settings_lib.Settings(samples=20),
    )
    model = descriptors.model("glf")
    found = measuring.model(model, metrics=["reconstruction", "nll"])
    found += measuring.samples(image_sources.ModelSamples(model), metrics=["copies"])
    assert {"reconstruction_per_image", "nll"} < {item.metric for item in found}
    assert measuring.extractor is None


def test_training_measures_samples_and_keeps_the_best(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "make", lambda *_, **__: PIXELS)
    experiment.train(
        plan.Plan(
            dataset="digits",
            model=descriptors.MODELS["glf"],
            paths=paths_lib.DataPaths(cache_dir=tmp_path / "cache"),
            training=options.Training(epochs={"": 4}, batch_size=200),
            reports=plan.Reports(
                draw_every=0,
                export=False,
                evaluate_every=2,
                evaluate_samples=100,
                best_by="evaluation/fd",
            ),
        ),
        folder.Folder(tmp_path / "run"),
    )
    message = [
        json.loads(line)
        for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    ]
    scores = {
        item["step"]: item["evaluation/fd"]
        for item in message
        if "evaluation/fd" in item
    }
    assert len(scores) == 2
    best = json.loads((tmp_path / "run/checkpoints/best/state.json").read_text())
    assert best["global_step"] == min(scores, key=scores.get)


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"best_by": "evaluation/fd"}, "evaluate_every")],
)
def test_reports_that_contradict_are_refused(settings, word):
    with pytest.raises(errors.InvalidValue, match=word):
        plan.Reports(**settings)


def test_unknown_metric_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(errors.InvalidValue, match="evaluate_metric"):
        experiment.train(
            plan.Plan(
                dataset="digits",
                model=descriptors.MODELS["glf"],
                training=options.Training(epochs={"": 1}, batch_size=200),
                reports=plan.Reports(evaluate_every=1, evaluate_metric="fdd"),
            ),
            folder.Folder(pathlib.Path(tmp_path)),
        )
    assert not list(tmp_path.iterdir())
