# SPDX-License-Identifier: Apache-2.0
"""Laws of every model: its contract, its training, and every way of saving it."""

import functools
import itertools
import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, export, parts, seeds
from glf_tf.data import pipeline
from glf_tf.devices import strategies
from glf_tf.layers import normalization
from glf_tf.models import autoencoder, latent, scoring
from glf_tf.objectives import reconstruction as objectives
from glf_tf.priors import flow, learned_mixture
from glf_tf.training import (
    checkpoints,
    loop,
    optimizers,
    options,
    saved_variables,
    step,
)
from tests import autodiff, descriptors


# Of the module, so that all laws of a model follow each other, and share it.
@pytest.fixture(scope="module", params=sorted(descriptors.MODELS))
def name(request):
    return request.param


@functools.lru_cache(maxsize=1)
def shared(name):
    return descriptors.model(name)


@functools.lru_cache(maxsize=1)
def served(name):
    """The signatures of a shared model's SavedModel, loaded."""
    with tempfile.TemporaryDirectory() as folder:
        names = export.export(shared(name), pathlib.Path(folder) / "saved")
        signatures = tf.saved_model.load(f"{folder}/saved").signatures
    assert set(signatures) == set(names)
    return signatures


@pytest.fixture
def model(name):
    """A model to look at; it was never trained, and other tests have it too."""
    return shared(name)


@pytest.fixture
def fresh(name):
    """A model of one's own."""
    return descriptors.model(name)


@functools.lru_cache(maxsize=1)
def twin(name):
    return descriptors.model(name)


def other_model(name):
    """The same model with other weights, permutations included, to be overwritten."""
    made = twin(name)
    for variable, own in zip(made.variables, shared(name).variables, strict=True):
        values = np.asarray(own)
        variable.assign(values[::-1].copy() if values.dtype == np.int32 else values + 1)
    return made


def make_optimizers(model, *, scales_loss=False, **settings):
    return optimizers.make(
        model.stages(),
        options=options.Optimizers(**settings),
        batches_per_epoch=10,
        scales_loss=scales_loss,
    )


def staged(model):
    """Each stage that takes steps, once its turn has come, and a batch of it.

    Stages that are fitted without gradients are fitted on the way.
    """
    data = descriptors.images()
    for stage in model.stages():
        stage.prepare(data)
        if not stage.updates:
            continue
        stage.begin_epoch(data, seed=seeds.make(0))
        batches = pipeline.batches(
            stage.source(data), batch_size=6, seed=0, shuffle=False
        )
        yield stage, next(iter(batches))


def trainer_of(model, stage, batch, *, made=None, jit_compile=False):
    """A function that trains one stage for so many steps on copies of one batch."""
    made = make_optimizers(model) if made is None else made
    trainer = step.StageTrainer(
        model, stage, optimizers=made, seed=0, jit_compile=jit_compile
    )
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    return lambda steps: trainer.run(batches, first_step=0, steps=steps)


def values_of(model):
    return {v.path: np.array(v) for v in model.trainable_variables}


def check_changes(model, stage, *, before):
    """Checks that what changed are the stage's own variables, and all of them."""
    own = {
        variable.path
        for update in stage.updates
        for group in update.groups
        for variable in group.variables
    }
    after = values_of(model)
    assert {path for path in after if np.any(after[path] != before[path])} == own


def has_noise(model):
    """Whether latents are an invertible map of noise."""
    return model.prior.has_noise_space


def has_one_centre(model):
    """Whether latents are an invertible map of noise without components."""
    noise = getattr(model.prior, "noise", None)
    is_mixture = isinstance(noise, learned_mixture.LearnedMixturePrior)
    return has_noise(model) and not is_mixture


# The contract.


def test_config_holds_every_argument(model):
    assert set(model.get_config()) == set(parts.arguments_of(model))
    copy = type(model).from_config(model.get_config())
    assert copy.get_config() == model.get_config()


def test_every_trainable_variable_is_in_a_stage(model):
    staged = {
        id(variable)
        for stage in model.stages()
        for update in stage.updates
        for group in update.groups
        for variable in group.variables
    }
    missing = [v.path for v in model.trainable_variables if id(v) not in staged]
    assert not missing


def test_terms_have_the_names_of_their_weights(fresh):
    model = fresh
    for stage, drawn in staged(model):
        for update in stage.updates:
            batch = stage.infer(drawn, seed=seeds.make(0))
            for training in (False, True):
                terms = update.measure(batch, seed=seeds.make(0), training=training)
                assert set(terms) == set(update.weights)
                assert all(value.shape in ([], [6]) for value in terms.values())


def test_hidden_pixels_are_left_out_where_it_is_said(name, model):
    if not model.uses_masks:
        pytest.skip("it learns from whole images")
    drawn, found = descriptors.batch(), []
    mask = tf.cast(drawn["image"] > 0.5, tf.float32)
    for image in (drawn["image"], mask * drawn["image"]):
        keras.utils.set_random_seed(0)
        model = descriptors.model(name)  # anew: chains may be kept from call to call
        batch = {**drawn, "image": image, "mask": mask}
        (stage,) = model.stages()
        batch = stage.infer(batch, seed=seeds.make(0))
        found += [
            update.terms(batch, seed=seeds.make(1), training=False)
            for update in stage.updates
        ]
    half = len(found) // 2
    for first, second in zip(found[:half], found[half:], strict=True):
        for key in first:
            np.testing.assert_allclose(first[key], second[key], rtol=1e-4, err_msg=key)


def test_same_seed_gives_the_same_samples(model):
    images = model.sample(3, seed=1)
    assert images.shape == (3, *descriptors.IMAGE_SHAPE)
    assert 0.0 <= np.min(images) <= np.max(images) <= 1.0
    np.testing.assert_array_equal(images, model.sample(3, seed=(1, 0)))
    assert np.abs(images - model.sample(3, seed=2)).max() > 1e-3


def test_few_samples_are_the_beginning_of_many(model):
    many = model.sample(5, seed=1)
    np.testing.assert_allclose(model.sample(2, seed=1), many[:2], atol=1e-5)


def test_temperature_zero_draws_one_image(model):
    if isinstance(model, autoencoder.AbstractAutoencoder) and not has_one_centre(model):
        pytest.skip("its prior may have several centres")
    given = {"label": 1} if model.num_classes else {}
    images = model.sample(3, seed=1, temperature=0.0, **given)
    np.testing.assert_allclose(images[1:], images[:-1], atol=1e-6)


# Autoencoders.


def as_autoencoder(model):
    if not isinstance(model, autoencoder.AbstractAutoencoder):
        pytest.skip("it has no encoder")
    return model


def test_reconstruction_is_decoded_code(model):
    model, image = as_autoencoder(model), descriptors.batch()["image"]
    z = model.encode(image)
    assert z.shape == (6, model.latent_dim)
    np.testing.assert_array_equal(model.reconstruct(image), model.decode(z))
    np.testing.assert_array_equal(model(image), model.decode(z))


def test_log_prob_agrees_with_change_of_variables(model):
    model = as_autoencoder(model)
    if not has_noise(model):
        pytest.skip("its prior is no map of noise")
    z = model.encode(descriptors.batch()["image"])
    eps = model.prior.inverse(z)
    jacobian = autodiff.batch_jacobian(model.prior.inverse, z)
    log_det = np.linalg.slogdet(jacobian)[1]
    log_noise = -0.5 * np.sum(eps**2 + np.log(2 * np.pi), axis=1)
    if isinstance(model.prior, flow.FlowPrior):
        log_noise = model.prior.noise.log_prob(eps)
    np.testing.assert_allclose(model.log_prob(z), log_noise + log_det, atol=2e-3)


def test_interpolation_ends_at_both_ends(model):
    model, image = as_autoencoder(model), descriptors.batch()["image"]
    start, end = model.encode(image[:2]), model.encode(image[2:4])
    for space in ("noise", "latent") if has_noise(model) else ("latent",):
        line = model.interpolate(start, end, num_steps=4, space=space)
        assert line.shape == (2, 4, *descriptors.IMAGE_SHAPE)
        np.testing.assert_allclose(line[:, 0], model.decode(start), atol=1e-3)
        np.testing.assert_allclose(line[:, -1], model.decode(end), atol=1e-3)


# Training.


@pytest.mark.one_in(2)
def test_a_stage_learns_with_its_own_variables_and_no_others(fresh):
    for stage, batch in staged(fresh):
        before = values_of(fresh)
        made = make_optimizers(fresh, learning_rate={"": 1e-2})
        train = trainer_of(fresh, stage, batch, made=made)
        first, last = train(1), train(60)
        assert (first.steps, last.steps) == (1, 60)
        check_changes(fresh, stage, before=before)
        if len(stage.updates) > 1:
            continue  # the players of a game need not all win
        weights = stage.updates[0].weights
        total = [
            # At the same step, so that a weight that rises does not count.
            step.weighted_sum(item.last, weights=weights, step=tf.constant(60))
            for item in (first, last)
        ]
        assert total[1] < total[0]


def test_families_are_all_there():
    kinds = {descriptors.MODELS[name]["name"] for name in descriptors.FAMILIES}
    # Densities of vectors have laws of their own: test_densities.py.
    assert kinds == set(descriptors.catalogue.names("model")) - {"density"}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", descriptors.FAMILIES)
def test_xla_trains_a_stage(name):
    fresh = descriptors.model(name)
    for stage, batch in staged(fresh):
        before = values_of(fresh)
        assert trainer_of(fresh, stage, batch, jit_compile=True)(2).steps == 2
        check_changes(fresh, stage, before=before)


def test_batches_of_one_are_refused_where_their_statistics_count(name, model):
    """What the check before training says is what tracing would come to."""
    if name.startswith("wae"):
        pytest.skip("codes of a batch are compared, which takes two anyhow")
    layers = model._flatten_layers()
    of_vectors = [
        layer
        for layer in layers
        if isinstance(layer, normalization.BatchNorm) and layer.input_spec.ndim == 2
    ]
    if of_vectors:
        with pytest.raises(errors.InvalidValue, match="Use batches of 2"):
            normalization.check_batch_size(layers, 1)
        return
    normalization.check_batch_size(layers, 1)
    fresh = descriptors.model(name)
    for stage, batch in staged(fresh):
        first = {key: item[:1] for key, item in batch.items()}
        first = stage.infer(first, seed=seeds.make(0))
        for update in stage.updates:
            update.terms(first, seed=seeds.make(0), training=True)


def test_too_few_images_for_the_prior_are_refused_before_training(model):
    least = getattr(getattr(model, "prior", None), "least_codes", 0)
    model.check_data(descriptors.images(max(least, getattr(model, "num_images", 1))))
    if least < 2:
        return
    with pytest.raises(errors.InvalidValue, match=rf"at least {least} codes.*--"):
        model.check_data(descriptors.images(least - 1))


def train_losses(strategy, name):
    """The terms of each epoch of a small training."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = descriptors.model(name)
        trainer = loop.Loop(
            model,
            descriptors.images(),
            options=options.Training(epochs={"": 2}, batch_size=8),
            # So large an epsilon makes Adam feel the gradient's scale, and keeps it
            # from turning rounding into whole steps where gradients are near zero.
            optimizers=make_optimizers(
                model, epsilon={"": 1.0}, learning_rate={"": 0.1}
            ),
            callbacks=[recorder := Recorder()],
        )
        trainer.run()
    return recorder.sums


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", descriptors.FAMILIES)
def test_two_replicas_equal_one_device(name):
    two = train_losses(strategies.strategy("mirrored"), name)
    assert all(np.isfinite(np.concatenate(two)))
    if name in descriptors.WITH_NOISE:
        pytest.skip("each replica draws numbers of its own")
    if name in descriptors.STEEP:
        pytest.skip("the last bits of its codes decide where its mixture starts")
    one = train_losses(strategies.strategy("one_device"), name)
    for left, right in zip(one, two, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4)


class Recorder(loop.callback_lib.AbstractCallback):
    """Keeps the terms of each epoch."""

    def __init__(self):
        super().__init__(loop.callback_lib.Every(epochs=1))
        self._averages, self.sums = loop.callback_lib.Averages(), []

    def observe(self, result, moment):
        self._averages.add(result)

    def run(self, moment):
        self.sums.append(list(self._averages.take().values()))


# Saving. What is compared are samples: they go through every weight that draws.


def assert_same(model, other):
    np.testing.assert_array_equal(other.sample(3, seed=1), model.sample(3, seed=1))
    if isinstance(model, autoencoder.AbstractAutoencoder):
        image = descriptors.batch()["image"]
        np.testing.assert_array_equal(other.encode(image), model.encode(image))


def test_variable_names_are_unique(model):
    assert len(saved_variables.variables_of(model)) == len(model.variables)


def test_checkpoint_keeps_the_model(name, model, tmp_path):
    store = checkpoints.Checkpoints(tmp_path, saved_variables.variables_of(model))
    state = {"stage": 0, "step": 3, "global_step": 3, "callbacks": {}}
    store.save(state, step=3)
    other = other_model(name)
    restored = checkpoints.Checkpoints(tmp_path, saved_variables.variables_of(other))
    assert restored.restore() == state
    assert_same(model, other)


def test_tf_checkpoint_keeps_the_model(name, model, tmp_path):
    tf.train.Checkpoint(model=model).write(str(tmp_path / "model"))
    other = other_model(name)
    tf.train.Checkpoint(model=other).read(str(tmp_path / "model")).assert_consumed()
    assert_same(model, other)


def test_keras_file_keeps_the_model(model, tmp_path):
    model.save(tmp_path / "model.keras")
    assert_same(model, keras.saving.load_model(tmp_path / "model.keras"))


def test_weights_file_keeps_the_model(name, model, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    other = other_model(name)
    other.load_weights(tmp_path / "model.weights.h5")
    assert_same(model, other)


@pytest.mark.one_in(3)
def test_saved_model_equals_the_model(name, model):
    call = served(name)
    drawn = call["sample"](
        num_samples=tf.constant(3),
        seed=tf.constant([1, 0]),
        temperature=tf.constant(0.7),
    )["image"]
    expected = model.sample(3, seed=1, temperature=0.7)
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    if isinstance(model, latent.AbstractLatentModel):
        check_inference(model, call)
    if not isinstance(model, autoencoder.AbstractAutoencoder):
        return
    for count in (1, 4):
        image = descriptors.batch(count)["image"]
        z, space = model.encode(image), "noise" if has_noise(model) else "latent"
        outputs = {
            "encode": (call["encode"](image=image)["z"], z),
            "decode": (call["decode"](z=z)["image"], model.decode(z)),
            "reconstruct": (
                call["reconstruct"](image=image)["image"],
                model.reconstruct(image),
            ),
            "log_prob": (
                call["log_prob"](image=image)["log_prob"],
                model.log_prob(z),
            ),
            "interpolate": (
                call["interpolate"](
                    start=image, end=image[::-1], num_steps=tf.constant(3)
                )["image"],
                model.interpolate(z, z[::-1], num_steps=3, space=space),
            ),
        }
        for signature, (received, wanted) in outputs.items():
            np.testing.assert_allclose(
                received, wanted, atol=1e-4, rtol=1e-5, err_msg=signature
            )


def check_inference(model, call):
    """Checks the signatures of a model of latents on whole and masked images."""
    image = descriptors.batch(3)["image"]
    has_encoder = isinstance(model, autoencoder.AbstractAutoencoder)
    parts = {
        name: np.asarray(item) for name, item in call["score"](image=image).items()
    }
    if isinstance(model, scoring.ScoresAnomalies):
        terms = model.anomaly_terms(image)
        whole = {"score": np.sum(list(terms.values()), axis=0), **terms}
        assert set(parts) == set(whole)
        for name, expected in whole.items():
            np.testing.assert_allclose(parts[name], expected, rtol=1e-4)
    else:
        check_densities(model, image, parts=parts)
    takes_masks = isinstance(model.reconstruction, objectives.AbstractPixelwise)
    assert ("infer" in call) == ("inpaint" in call) == takes_masks
    if not takes_masks:
        return
    mask = tf.cast(image > 0.5, tf.float32)
    asked = {"image": image, "mask": mask, "seed": tf.constant([2, 1])}
    start = model.first_latents(image, mask, seed=(2, 1)) if has_encoder else None
    z = call["infer"](**asked)["z"]
    infer = tf.function(model.infer_latents, autograph=False)
    chains = infer(image, mask, seed=(2, 1), start=start)
    np.testing.assert_allclose(z, chains.z, atol=1e-3, rtol=1e-3)
    made = call["inpaint"](**{**asked, "image": mask * image})["image"]
    np.testing.assert_allclose(made, model.decode(z), atol=1e-3)


def check_densities(model, image, *, parts):
    """Checks a score that is -log p(x, z)."""
    np.testing.assert_allclose(
        parts["score"], -(parts["log_likelihood"] + parts["log_prior"]), rtol=1e-4
    )
    if isinstance(model, autoencoder.AbstractAutoencoder):
        expected = -model.log_joint(image, model.encode(image))
        np.testing.assert_allclose(parts["score"], expected, rtol=1e-4)


@pytest.mark.slow
def test_saved_model_needs_tensorflow_alone(tmp_path):
    model = descriptors.model("glf")
    export.export(model, tmp_path / "saved")
    np.save(tmp_path / "expected.npy", model.sample(4, seed=5))
    program = f"""
import sys, numpy, tensorflow as tf
for name in ("glf_tf", "tensorflow_probability", "tf_keras"):
    sys.modules[name] = None  # importing it fails from here on
model = tf.saved_model.load({str(tmp_path / "saved")!r})
images = model.signatures["sample"](
    num_samples=tf.constant(4), seed=tf.constant([5, 0]), temperature=tf.constant(1.0)
)["image"]
expected = numpy.load({str(tmp_path / "expected.npy")!r})
numpy.testing.assert_allclose(images, expected, atol=1e-6)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_bad_image_shapes_are_refused(name):
    with pytest.raises(errors.InvalidValue, match="image_shape"):
        descriptors.catalogue.build(
            "model",
            descriptors.MODELS[name],
            **{**descriptors.arguments(name), "image_shape": (8, 8)},
        )


# What is no image, no latent, no mask: refused in Python, NaN where it is served.


@functools.cache
def bad_images():
    """Images that are none, with a word of the message."""
    image = descriptors.batch(3)["image"].numpy()
    broken = {
        "uint8": ((255 * image).astype(np.uint8), "floats"),
        "range": (255 * image, "in \\[0, 1\\]"),
        "signed": (2 * image - 1, "in \\[0, 1\\]"),
        "shape": (image[:, :7], "shape"),
        "channels": (np.repeat(image, 3, axis=3), "shape"),
        "one": (image[0], "shape"),
    }
    for name, value in (("nan", np.nan), ("inf", np.inf), ("minus_inf", -np.inf)):
        one = image.copy()
        one[1, 2, 3, 0] = value
        broken[name] = (one, "in \\[0, 1\\]")
    return broken


BAD_IMAGES = (
    *("uint8", "range", "signed", "shape", "channels", "one"),
    *("nan", "inf", "minus_inf"),
)


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_what_is_no_image_is_refused_by_every_method(model, kind):
    if not isinstance(model, latent.AbstractLatentModel):
        pytest.skip("it takes no images")
    image, word = bad_images()[kind]
    z = tf.zeros([3, model.latent_dim])
    calls = {
        "infer_latents": lambda: model.infer_latents(image, seed=0),
        "log_joint": lambda: model.log_joint(image, z),
    }
    if isinstance(model, autoencoder.AbstractAutoencoder):
        calls |= {
            "encode": lambda: model.encode(image),
            "reconstruct": lambda: model.reconstruct(image),
            "first_latents": lambda: model.first_latents(image, seed=0),
        }
        if kind != "one":  # Keras itself adds an axis
            calls["call"] = lambda: model(image)
    for name, call in calls.items():
        with pytest.raises((errors.InvalidValue, errors.InvalidType), match=word) as e:
            call()
        assert "\n" not in str(e.value), name


def test_what_is_no_latent_is_refused(model):
    z = np.zeros([3, model.latent_dim], np.float32)
    wrong = {
        "shape": (z[:, 1:], "shape"),
        "one": (z[0], "shape"),
        "int": (z.astype(int), "floats"),
        "nan": (np.where([[0], [1], [0]], np.nan, z), "finite"),
    }
    for bad, word in wrong.values():
        calls = [
            lambda bad=bad: model.decode(bad),
            lambda bad=bad: model.interpolate(bad, z, num_steps=2, space="latent"),
        ]
        if isinstance(model, latent.AbstractLatentModel):
            calls.append(lambda bad=bad: model.log_prob(bad))
        for call in calls:
            with pytest.raises((errors.InvalidValue, errors.InvalidType), match=word):
                call()
    for num_steps, space in ((0, "latent"), (2, "z")):
        with pytest.raises(errors.InvalidValue):
            model.interpolate(z, z, num_steps=num_steps, space=space)


@pytest.mark.parametrize("temperature", [np.nan, np.inf, -1.0, np.float32(-0.5), 1e38])
def test_bad_temperatures_are_refused(model, temperature):
    for form in (lambda t: t, tf.constant):
        with pytest.raises(errors.InvalidValue, match="temperature"):
            model.sample(2, seed=0, temperature=form(temperature))


@pytest.mark.parametrize("n", [-1, 2.5, "3", None])
def test_bad_numbers_of_samples_are_refused(model, n):
    with pytest.raises((errors.InvalidValue, errors.InvalidType), match="number of"):
        model.sample(n, seed=0)


def test_nothing_in_gives_nothing_out(model):
    assert model.sample(0, seed=0).shape == (0, *descriptors.IMAGE_SHAPE)
    z = tf.zeros([0, model.latent_dim])
    assert model.decode(z).shape == (0, *descriptors.IMAGE_SHAPE)
    if not isinstance(model, latent.AbstractLatentModel):
        return
    assert model.log_prob(z).shape == (0,)
    if isinstance(model, autoencoder.AbstractAutoencoder):
        image = np.zeros([0, *descriptors.IMAGE_SHAPE], np.float32)
        assert model.encode(image).shape == (0, model.latent_dim)
        assert model.reconstruct(image).shape == (0, *descriptors.IMAGE_SHAPE)


def hidden_cases():
    """The same visible pixels with three fillings of the hidden ones."""
    image = descriptors.batch(3)["image"].numpy()
    mask = (image > 0.5).astype(np.float32)
    fillings = (0.0, np.nan, 1e30)
    return mask, [np.where(mask > 0, image, value) for value in fillings]


def test_hidden_pixels_never_count(model):
    if not isinstance(model, latent.AbstractLatentModel) or not isinstance(
        model.reconstruction, objectives.AbstractPixelwise
    ):
        pytest.skip("it takes no masks")
    mask, cases = hidden_cases()
    infer = tf.function(
        lambda image: model.infer_latents(image, mask, seed=1).z, autograph=False
    )
    found = [infer(tf.constant(image, tf.float32)).numpy() for image in cases]
    z = tf.constant(found[0])
    joint = [model.log_joint(image, z, mask).numpy() for image in cases]
    for first, second in zip(found[1:], joint[1:], strict=True):
        np.testing.assert_array_equal(first, found[0])
        np.testing.assert_array_equal(second, joint[0])
    assert np.isfinite(found[0]).all()
    assert np.isfinite(joint[0]).all()


def test_served_what_is_no_image_is_nan_in_its_own_row_alone(name, model):
    if not isinstance(model, latent.AbstractLatentModel):
        pytest.skip("it takes no images")
    call = served(name)
    good = descriptors.batch(3)["image"].numpy()
    ones = np.ones_like(good)
    extra = {
        "infer": {"mask": tf.constant(ones), "seed": tf.constant([2, 1])},
        "inpaint": {"mask": tf.constant(ones), "seed": tf.constant([2, 1])},
        "log_prob_of_labels": {"label": tf.constant([1, 2, 3])},
    }
    of_images = ("image" in call[name].structured_input_signature[1] for name in call)
    for name in itertools.compress(call, of_images):
        more = extra.get(name, {})
        expected = call[name](image=tf.constant(good), **more)
        for value in (np.nan, np.inf, 255.0):
            bad = good.copy()
            bad[1, 2, 3, 0] = value
            for key, item in call[name](image=tf.constant(bad), **more).items():
                assert np.isnan(item[1]).all(), (name, key, value)
                for row in (0, 2):
                    np.testing.assert_allclose(
                        item[row], expected[key][row], rtol=1e-4, atol=1e-4
                    )


@pytest.mark.parametrize("count", [0, 1])
def test_served_batches_of_any_size_give_as_many_rows(name, count):
    for signature, call in served(name).items():
        specs = call.structured_input_signature[1]
        asked = {
            key: tf.ones([count if size is None else size for size in spec.shape])
            for key, spec in specs.items()
        }
        if "num_samples" in asked:
            asked["num_samples"] = tf.constant(float(count))
        asked = {key: tf.cast(asked[key], specs[key].dtype) for key in specs}
        for key, output in call(**asked).items():
            assert output.shape[0] == count, (signature, key)
            assert output.shape[1:].is_compatible_with(
                call.structured_outputs[key].shape[1:]
            )
            assert np.isfinite(output).all(), (signature, key)


def test_served_hidden_pixels_never_count(name):
    call = served(name)
    if "inpaint" not in call:
        pytest.skip("it takes no masks")
    mask, cases = hidden_cases()
    made = [
        call["inpaint"](
            image=tf.constant(image, tf.float32), mask=mask, seed=tf.constant([2, 1])
        )["image"].numpy()
        for image in cases
    ]
    assert np.isfinite(made[0]).all()
    np.testing.assert_array_equal(made[1], made[0])
    np.testing.assert_array_equal(made[2], made[0])


@pytest.mark.parametrize("temperature", [np.nan, np.inf, -1.0, 1e38])
def test_served_samples_of_bad_temperatures_are_nan(name, temperature):
    sample = served(name)["sample"]
    asked = {"num_samples": tf.constant(2), "seed": tf.constant([0, 0])}
    images = sample(**asked, temperature=tf.constant(temperature, tf.float32))["image"]
    assert np.isnan(images).all()
