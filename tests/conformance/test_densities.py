# SPDX-License-Identifier: Apache-2.0
"""Laws of densities of vectors, with every kind of prior."""

import functools
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, export, parts, seeds
from glf_tf.callbacks import reports
from glf_tf.data import paths as paths_lib
from glf_tf.data import pipeline
from glf_tf.devices import strategies
from glf_tf.evaluation import evaluation, image_sources
from glf_tf.evaluation import settings as settings_lib
from glf_tf.experiments import restore
from glf_tf.metrics.extractors import choice
from glf_tf.models import density
from glf_tf.tasks import output
from glf_tf.training import checkpoints, fitting, options, saved_variables
from tests import descriptors

DIM = 3
FITTED = {"mixture", "labelled_mixture", "standard_normal"}
LEARNED = sorted(set(descriptors.DENSITIES) - FITTED)
"""Those whose prior is learned by gradients."""

CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module", params=sorted(descriptors.DENSITIES))
def name(request):
    return request.param


def make(name):
    made = density.Density(DIM, **descriptors.DENSITIES[name])
    descriptors.perturb(made, scale=0.1)
    return made


@functools.lru_cache(maxsize=1)
def shared(name):
    """A density that started from data: standardised, and fitted if it is fitted."""
    made = make(name)
    made.stages()[0].prepare(descriptors.vectors())
    return made


@pytest.fixture
def model(name):
    return shared(name)


def other_model(name):
    made = make(name)
    for variable in made.variables:
        values = np.asarray(variable)
        moved = values[::-1].copy() if values.dtype == np.int32 else values + 1
        variable.assign(~values if values.dtype == bool else moved)
    return made


def vectors(count=6):
    return tf.constant(descriptors.vectors(count).vectors)


def test_the_size_follows_from_the_data():
    assert density.Density.arguments_of(descriptors.vectors()) == {"event_dim": DIM}


def test_config_holds_every_argument(name, model):
    described = parts.specification("model", model)
    again = parts.make("model", described, event_dim=DIM)
    assert parts.specification("model", again) == described
    assert described["standardize"] is descriptors.DENSITIES[name].get(
        "standardize", True
    )


def test_every_trainable_variable_is_in_a_stage(model):
    own = {
        variable.path
        for stage in model.stages()
        for update in stage.updates
        for group in update.groups
        for variable in group.variables
    }
    assert own == {variable.path for variable in model.trainable_variables}


def test_terms_have_the_names_of_their_weights(name):
    made = make(name)
    for stage in made.stages():
        stage.prepare(descriptors.vectors())
        for update in stage.updates:
            batch = next(
                iter(pipeline.batches(descriptors.vectors(), batch_size=6, seed=0))
            )
            terms = update.terms(batch, seed=seeds.make(0), training=True)
            assert set(terms) == set(update.weights)
            assert all(term.shape == [6] for term in terms.values())


def test_nll_is_that_of_the_vectors(model):
    """In nats of the vectors, whatever they were standardised by."""
    for stage in model.stages():
        for update in stage.updates:
            if "nll" not in update.weights or model.prior.is_smoothed:
                continue
            batch = {"vector": vectors(), "label": tf.constant([0, 1, 2, 0, 1, 2])}
            given = {"label": batch["label"]} if model.num_classes else {}
            terms = update.terms(batch, seed=seeds.make(0), training=False)
            expected = -model.log_prob(batch["vector"], **given)
            np.testing.assert_allclose(terms["nll"], expected, **CLOSE)


def test_density_is_that_of_standardised_vectors(name, model):
    """By the change of variables, from the training set's mean and deviation."""
    x = descriptors.vectors().vectors
    is_standardized = descriptors.DENSITIES[name].get("standardize", True)
    mean = x.mean(axis=0) if is_standardized else np.zeros(DIM)
    deviation = x.std(axis=0) if is_standardized else np.ones(DIM)
    z = ((vectors() - mean) / deviation).numpy().astype(np.float32)
    expected = model.prior.log_prob(z) - np.log(deviation).sum()
    np.testing.assert_allclose(model.log_prob(vectors()), expected, rtol=1e-3)


def test_samples_are_on_the_scale_of_the_data(name, model):
    if name == "flow_as_it_is":
        return  # has not learned it
    drawn, x = model.sample(2000, seed=0).numpy(), descriptors.vectors().vectors
    distance = np.abs(np.median(drawn, axis=0) - np.median(x, axis=0))
    assert np.all(distance < 1.5 * x.std(axis=0))


def test_same_seed_gives_the_same_samples(model):
    first, again, other = (model.sample(5, seed=seed).numpy() for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.all(first != other)


def test_noise_goes_to_vectors_and_back(model):
    if not model.prior.has_noise_space:
        with pytest.raises(errors.Unsupported, match="map of it"):
            model.inverse(vectors())
        return
    eps = model.inverse(vectors())
    np.testing.assert_allclose(
        model.forward(tf.constant(eps.numpy())), vectors(), **CLOSE
    )


def test_standardisation_starts_once(name):
    made, first = make(name), descriptors.vectors()
    made.stages()[0].prepare(first)
    before = [np.array(each) for each in made.standardization.variables]
    made.stages()[0].prepare(descriptors.vectors(seed=1))
    for variable, value in zip(made.standardization.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("strategy", ["one_device", "mirrored"])
@pytest.mark.parametrize("name", LEARNED)
def test_a_fit_lowers_the_terms(name, strategy):
    with strategies.strategy(strategy).scope():
        made = make(name)
        assert made.trainable_variables
        history = fitting.fit(
            made,
            descriptors.vectors(96),
            options=options.Training(epochs={"": 20}, batch_size=32),
            settings=options.Optimizers(learning_rate={"": 1e-2}),
            is_silent=True,
        ).history
    loss = history["loss"]
    assert np.isfinite(loss).all()
    assert np.mean(loss[-5:]) < np.mean(loss[:5])


def test_checkpoint_keeps_the_density(name, model, tmp_path):
    store = checkpoints.Checkpoints(tmp_path, saved_variables.variables_of(model))
    store.save({"stage": 0, "step": 3, "global_step": 3, "callbacks": {}}, step=3)
    other = other_model(name)
    variables = saved_variables.variables_of(other)
    checkpoints.Checkpoints(tmp_path, variables).restore()
    assert_same(model, other)


def test_keras_file_keeps_the_density(model, tmp_path):
    model.save(tmp_path / "model.keras")
    assert_same(model, keras.saving.load_model(tmp_path / "model.keras"))


def assert_same(model, other):
    np.testing.assert_array_equal(other.log_prob(vectors()), model.log_prob(vectors()))
    np.testing.assert_array_equal(other.sample(3, seed=1), model.sample(3, seed=1))


def test_predict_gives_log_densities(model):
    found = model.predict(vectors().numpy(), verbose=0)
    np.testing.assert_allclose(found, model.log_prob(vectors()), **CLOSE)


@pytest.mark.one_in(3)
def test_saved_model_equals_the_density(model, tmp_path):
    names = export.export(model, tmp_path / "saved")
    call = tf.saved_model.load(str(tmp_path / "saved")).signatures
    assert set(call) == set(names)
    asked = {"seed": tf.constant([1, 0]), "temperature": tf.constant(0.7)}
    drawn = call["sample"](num_samples=tf.constant(3), **asked)["vector"]
    expected = model.sample(3, seed=(1, 0), temperature=0.7)
    np.testing.assert_allclose(drawn, expected, **CLOSE)
    found = call["log_prob"](vector=vectors())["log_prob"]
    np.testing.assert_allclose(found, model.log_prob(vectors()), **CLOSE)
    bad = tf.constant([[np.nan, 0.0, 0.0], [1.0, 2.0, 3.0]])
    found = call["log_prob"](vector=bad)["log_prob"].numpy()
    np.testing.assert_array_equal(np.isfinite(found), [False, True])
    if model.num_classes:
        check_labels(model, call)


def test_samples_of_an_exported_density_are_no_images(tmp_path):
    export.export(make("standard_normal"), tmp_path / "saved")
    with pytest.raises(errors.Unsupported, match="by the images"):
        image_sources.SavedModelSamples(tmp_path / "saved")


def check_labels(model, call):
    label, x = tf.constant([2, 0, 7]), vectors(3)
    found = call["log_prob_of_labels"](vector=x, label=label)["log_prob"].numpy()
    assert np.isnan(found[2])
    expected = model.log_prob(x[:2], label=label[:2])
    np.testing.assert_allclose(found[:2], expected, **CLOSE)
    found = call["label_log_probs"](vector=x)["label_log_probs"]
    np.testing.assert_allclose(found, model.label_log_probs(x), **CLOSE)
    asked = {"seed": tf.constant([1, 0]), "temperature": tf.constant(1.0)}
    drawn = call["sample_of_labels"](label=label, **asked)["vector"].numpy()
    expected = model.sample(3, seed=(1, 0), label=[2, 0, 0])
    np.testing.assert_allclose(drawn[:2], expected[:2], **CLOSE)
    assert np.isnan(drawn[2]).all()


def test_labels_are_by_the_rule_of_bayes(model):
    if not model.num_classes:
        with pytest.raises(errors.Unsupported, match="conditional"):
            model.label_log_probs(vectors())
        return
    of_each = [model.log_prob(vectors(), label=label) for label in range(3)]
    expected = tf.nn.log_softmax(tf.stack(of_each, axis=1))
    np.testing.assert_allclose(model.label_log_probs(vectors()), expected, **CLOSE)
    any_label = tf.reduce_logsumexp(of_each, axis=0) - np.log(3.0)
    np.testing.assert_allclose(model.log_prob(vectors()), any_label, **CLOSE)


BAD = {
    "integers": (np.ones([2, DIM], np.int64), errors.InvalidType, "must be floats"),
    "size": (np.ones([2, 4], np.float32), errors.InvalidValue, "shape"),
    "rank": (np.ones([DIM], np.float32), errors.InvalidValue, "shape"),
    "nan": (np.full([2, DIM], np.nan, np.float32), errors.InvalidValue, "finite"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_are_no_vectors_is_refused(model, kind):
    value, error, told = BAD[kind]
    with pytest.raises(error, match=told):
        model.log_prob(value)


def test_nothing_in_gives_nothing_out(model):
    assert model.log_prob(np.ones([0, DIM], np.float32)).shape == [0]
    assert model.sample(0, seed=0).shape == [0, DIM]


def test_the_density_of_a_plane_integrates_to_one():
    """Of each trained prior: the sum over a grid that holds all of the data."""
    data = descriptors.vectors(400, dim=2)
    mean, deviation = data.vectors.mean(axis=0), data.vectors.std(axis=0)
    axis = np.linspace(-9.0, 9.0, 301)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    x = (mean + deviation * grid).astype(np.float32)
    area = np.prod(deviation) * (axis[1] - axis[0]) ** 2
    for name in (
        "flow",
        "neural_spline",
        "flow_with_noise",
        "flow_matching",
        "mixture",
    ):
        made = density.Density(2, **descriptors.DENSITIES[name])
        fitting.fit(
            made,
            data,
            options=options.Training(epochs={"": 5}, batch_size=50),
            settings=options.Optimizers(learning_rate={"": 1e-2}),
            is_silent=True,
        )
        log_prob = made.traced_log_prob(tf.constant(x)).numpy().astype(np.float64)
        assert area * np.exp(log_prob).sum() == pytest.approx(1.0, abs=0.02), name


def refused(data, **options):
    made = density.Density(data.event_dim, **options)
    with pytest.raises(errors.InvalidValue) as error:
        made.check_data(data)
    return str(error.value)


def test_rows_that_have_no_density_are_refused():
    data = descriptors.vectors()
    columns = data.vectors.copy()
    columns[:, 1] = 5.0
    constant = data._with(columns, labels=None)
    assert "constant in column 2" in refused(constant)
    assert "at least 4 rows" in refused(data.take(3))
    assert "at least 4 rows" in refused(data.take(1))
    assert "components" in refused(data.take(6), prior={"name": "mixture"})


@pytest.mark.parametrize("scale", [1e-30, 1e-32, 1e-39, 1e36, 5e37])
def test_columns_are_standardised_or_refused(scale):
    """TensorFlow takes numbers below 1.2e-38 for 0, also the inverse of a large one."""
    data = descriptors.vectors(200)
    columns = data.vectors.copy()
    columns[:, 1] *= np.float64(scale) / columns[:, 1].std()
    data = data._with(columns, labels=None)
    if not 1e-31 < scale < 1e37:
        assert "column 2 with a mean of" in refused(data)
        return
    made = density.Density(data.event_dim, prior="standard_normal")
    made.check_data(data)
    made.stages()[0].prepare(data)
    z = made.standardized(tf.constant(columns)).numpy()
    np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-4)
    drawn = made.sample(200, seed=0).numpy()
    assert 0.8 < (drawn[:, 1] / scale).std() < 1.2


def test_what_float32_rounds_to_few_numbers_is_refused():
    data = descriptors.vectors()
    columns = data.vectors.copy()
    columns[:, 1] = 1e6 + 0.0625 * (np.arange(48) == 0)
    assert "above the rounding" in refused(data._with(columns, labels=None))


def test_too_few_rows_of_a_label_are_refused():
    """Before anything is trained, whatever else the labels are."""
    data, spec = descriptors.vectors(), {"name": "labelled_mixture", "components": 2}
    for rare in (0, -1):
        labels = np.where(np.arange(48) < 47, 1, rare)
        few = data._with(data.vectors, labels=labels)
        assert "codes of each label" in refused(few, prior=spec, num_classes=2)


def test_what_compares_images_is_refused():
    made, data = density.Density(DIM), descriptors.vectors()
    with pytest.raises(errors.Unsupported, match="likelihood"):
        made.evaluate(data, metrics=["fd"])
    with pytest.raises(errors.Unsupported, match="evaluate_every"):
        reports.check_compares(made)
    with pytest.raises(errors.Unsupported, match="vectors of random"):
        choice.make("auto", train=data, test=data, paths=paths_lib.DataPaths())
    with pytest.raises(errors.Unsupported, match="Data sets such as Occluded"):
        catalogue.build("dataset", TOY_OCCLUDED, paths=paths_lib.DataPaths()).load(
            "test"
        )
    with pytest.raises(errors.InvalidValue, match="NAME.npy"):
        output.check_kind(pathlib.Path("samples.png"), noun="vectors")
    described = {"arguments": {"event_dim": DIM}, "model": "density"}
    with pytest.raises(errors.Unsupported, match="on vectors"):
        restore.image_shape_of(described)
    settings = settings_lib.Settings()
    kinds = {"train": data, "test": data, "extractor": None, "settings": settings}
    measuring = evaluation.Evaluation(**kinds)
    with pytest.raises(errors.Unsupported, match="--metrics=nll"):
        measuring.samples(None, metrics=["fd", "nll"])
    assert measuring.samples(None, metrics=["nll", "calibration"]) == []


TOY_OCCLUDED = {"name": "occluded", "dataset": "toy"}


def test_images_are_for_other_models():
    with pytest.raises(errors.Unsupported, match="Density learns from vectors"):
        density.Density.arguments_of(descriptors.images())
    with pytest.raises(errors.Unsupported, match="--model=density"):
        descriptors.model("glf").fit(descriptors.vectors(), verbose=0)
