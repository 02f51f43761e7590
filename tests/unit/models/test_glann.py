# SPDX-License-Identifier: Apache-2.0
"""What makes GLANN what it is: codes on a sphere, and noises that they pull."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import neighbors

from glf_tf import errors, seeds
from glf_tf.devices import strategies
from glf_tf.experiments import experiment, folder, plan, restore, stopping
from glf_tf.models import glann
from glf_tf.training import loop, optimizers, options, saved_variables
from tests import descriptors


def stage(model, name):
    return {item.name: item for item in model.stages()}[name]


def begun(name="glann", *, seed=3):
    """A model at the start of an epoch of its second stage."""
    model = descriptors.model(name)
    # Moving averages as training would leave them.
    generator = np.random.default_rng(1)
    for variable in model.mapper.non_trainable_variables:
        variable.assign(generator.uniform(0.5, 2.0, variable.shape))
    imle = stage(model, "imle")
    imle.begin_epoch(descriptors.images(), seed=seeds.make(seed))
    return model


def mapped(model, noise):
    """T(noise), by hand."""
    weights = {
        v.path.removeprefix("mapper/"): np.array(v) for v in model.mapper.variables
    }
    h = noise
    for index in range(2):
        h = h @ weights[f"dense_{index}/kernel"]
        norm = {
            part: weights[f"norm_{index}/{part}"]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        }
        h = (h - norm["moving_mean"]) / np.sqrt(norm["moving_variance"] + 1e-5)
        h = np.maximum(norm["gamma"] * h + norm["beta"], 0.0)
    return h @ weights["dense_2/kernel"]


# The codes.


def test_codes_are_on_the_sphere_and_epochs_put_the_table_there():
    model = descriptors.model("glann")
    rows = np.array(model.table.rows)
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(model.codes(), expected, atol=1e-6)
    assert np.abs(rows - expected).max() > 0.1
    stage(model, "glo").begin_epoch(descriptors.images(), seed=seeds.make(0))
    np.testing.assert_allclose(model.table.rows, expected, atol=1e-6)


def test_gradient_of_a_code_is_that_of_its_scale_with_the_norm_held():
    model, batch = descriptors.model("glann"), descriptors.batch(5)
    batch["index"] = tf.constant([7, 3, 40, 0, 9], tf.int64)
    rows = model.table.rows
    with tf.GradientTape() as tape:
        terms = descriptors.update(model, "glo").terms(
            batch, seed=seeds.make(0), training=True
        )
        loss = tf.reduce_sum(terms["reconstruction"])
    found = tf.convert_to_tensor(tape.gradient(loss, rows.value)).numpy()

    picked = np.array(rows)[batch["index"]]
    norm = np.linalg.norm(picked, axis=1, keepdims=True)
    z = tf.constant(picked / norm)
    with tf.GradientTape() as tape:
        tape.watch(z)
        error = tf.sigmoid(model.decoder(z)) - batch["image"]
        loss = tf.reduce_sum(error**2)
    expected = np.zeros_like(found)
    expected[batch["index"]] = tape.gradient(loss, z) / norm
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


def test_training_images_are_reconstructed_from_their_codes():
    model = descriptors.model("glann")
    index = np.array([4, 4, 17])
    images = model.reconstruct_train(index)
    np.testing.assert_array_equal(images[0], images[1])
    expected = tf.sigmoid(model.decoder(tf.gather(model.codes(), index)))
    np.testing.assert_allclose(images, expected, atol=1e-6)


def test_latents_are_decoded_from_the_sphere():
    model = descriptors.model("glann")
    z = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(model.decode(5.0 * z), model.decode(z), atol=1e-5)
    assert np.isfinite(model.decode(np.zeros([1, 4], np.float32))).all()


def test_an_untrained_model_draws_finite_images():
    model = glann.GLANN((8, 8, 1), num_images=5, network="mlp")
    assert np.isfinite(model.sample(2, seed=0, temperature=0.0)).all()


# The noises.


def test_an_epoch_matches_each_code_with_its_nearest_candidate():
    model = begun(seed=3)
    noise = tf.random.stateless_normal([2 * 48, 3], seeds.make(3)).numpy()
    search = neighbors.NearestNeighbors(n_neighbors=1, algorithm="brute")
    search.fit(mapped(model, noise))
    index = search.kneighbors(model.codes(), return_distance=False)[:, 0]
    assert len(set(index)) > 2
    np.testing.assert_array_equal(model.matched.rows, noise[index])


def test_another_epoch_draws_other_candidates():
    one, two = (
        np.array(begun(seed=3).matched.rows),
        np.array(begun(seed=4).matched.rows),
    )
    assert not np.isclose(one, two).any(axis=1).any()


def test_match_is_the_mean_squared_error_to_the_code():
    model = begun()
    index = np.array([2, 30, 11])
    batch = {"z": model.codes().numpy()[index], "index": tf.constant(index)}
    found = descriptors.update(model, "imle").terms(
        batch, seed=seeds.make(0), training=False
    )["match"]
    noise = np.array(model.matched.rows)[index]
    expected = np.mean((mapped(model, noise) - batch["z"]) ** 2, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_mapper_learns_from_codes_and_reads_no_image():
    model = begun()
    cached = stage(model, "imle").cache(descriptors.images())
    assert set(cached) == {"z"}
    np.testing.assert_array_equal(cached["z"], model.codes())
    assert stage(model, "glo").cache(descriptors.images()) is None


def test_the_mapper_leaves_statistics_of_the_generator_alone():
    model = begun("glann_convolutional")
    before = [np.array(v) for v in model.decoder.variables]
    batch = {"z": model.codes()[:6], "index": tf.range(6)}
    descriptors.update(model, "imle").terms(batch, seed=seeds.make(0), training=True)
    for variable, value in zip(model.decoder.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_samples_are_decoded_mapped_noise():
    model = begun()
    noise = tf.random.stateless_normal([4, 3], seeds.make(5)).numpy()
    expected = model.decode(mapped(model, 0.7 * noise))
    found = model.sample(4, seed=5, temperature=0.7)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_lines_end_at_both_ends():
    model, generator = begun(), np.random.default_rng(0)
    ends = generator.normal(size=(2, 2, 3)).astype(np.float32)
    line = model.interpolate(*ends, num_steps=5)
    assert line.shape == (2, 5, 8, 8, 1)
    np.testing.assert_allclose(
        line[:, 0], model.decode(mapped(model, ends[0])), atol=1e-5
    )
    ends = generator.normal(size=(2, 2, 4)).astype(np.float32)
    line = model.interpolate(*ends, num_steps=5, space="latent")
    np.testing.assert_allclose(line[:, -1], model.decode(ends[1]), atol=1e-5)


# Training and saving.


def test_table_and_matches_are_saved(tmp_path):
    model = begun()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for table in ("table", "matched"):
        expected = getattr(model, table).rows
        np.testing.assert_array_equal(getattr(loaded, table).rows, expected)


def trained(strategy):
    """The table after two epochs of the first stage, which has no normalisation."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = descriptors.model("glann")
        settings = options.Optimizers(epsilon={"": 1.0}, learning_rate={"": 0.3})
        made = optimizers.make(model.stages(), options=settings, batches_per_epoch=6)
        start = np.array(model.codes())
        loop.Loop(
            model,
            descriptors.images(),
            options=options.Training(epochs={"glo": 2}, batch_size=8),
            optimizers=made,
        ).run()
        assert np.abs(model.codes() - start).max() > 0.01
        return tf.convert_to_tensor(model.table.rows.value).numpy()


def test_codes_learn_the_same_on_two_replicas():
    two = trained(strategies.strategy("mirrored"))
    one = trained(strategies.strategy("one_device"))
    np.testing.assert_allclose(one, two, atol=1e-5)


def make_plan(epochs=2):
    return plan.Plan(
        dataset="digits",
        model=descriptors.MODELS["glann"],
        training=options.Training(epochs={"": epochs}, batch_size=200),
        reports=plan.Reports(log_every=3, draw_every=0, export=False),
        recipe="--model=glann\n",
        flags={"model": "glann"},
    )


def stop_at_call(number, monkeypatch):
    calls = iter(range(1, 10**6))
    monkeypatch.setattr(stopping.StopSignal, "is_set", lambda _: next(calls) >= number)


def test_a_run_cut_in_both_stages_goes_on_exactly(tmp_path, monkeypatch):
    whole = experiment.train(make_plan(), folder.Folder(tmp_path / "whole"))
    for stop_after in (3, 5):
        # Within an epoch of seven steps: of the first stage, then of the second.
        stop_at_call(stop_after, monkeypatch)
        with pytest.raises(loop.Stopped, match="step (?!7|14|21|28)"):
            experiment.train(make_plan(), folder.Folder(tmp_path / "cut"), resume=True)
    monkeypatch.undo()
    cut = experiment.train(make_plan(), folder.Folder(tmp_path / "cut"), resume=True)
    expected = saved_variables.variables_of(whole)
    for name, variable in saved_variables.variables_of(cut).items():
        np.testing.assert_array_equal(variable, expected[name], err_msg=name)
    loaded = restore.load_model(tmp_path / "cut")
    assert loaded.num_images == 1433
    for name, variable in saved_variables.variables_of(loaded).items():
        np.testing.assert_array_equal(variable, expected[name], err_msg=name)


# Bad input.


@pytest.mark.parametrize("stage_name", ["glo", "imle"])
def test_other_images_than_the_table_has_are_refused(stage_name):
    model = descriptors.model("glann")
    chosen, data = stage(model, stage_name), descriptors.images(20)
    with pytest.raises(errors.InvalidValue, match="20 images for 48 codes"):
        chosen.begin_epoch(data, seed=seeds.make(0))
    with pytest.raises(errors.InvalidValue, match="20 images for 48 codes"):
        model.check_data(data)


@pytest.mark.parametrize("option", ["num_images", "latent_dim", "noise_dim", "hidden"])
@pytest.mark.parametrize("value", [0, -3])
def test_sizes_must_be_positive(option, value):
    with pytest.raises(errors.InvalidValue, match=f"`{option}` must be at least 1"):
        glann.GLANN((8, 8, 1), **{"num_images": 5, option: value})


def test_it_has_no_density():
    assert not hasattr(glann.GLANN, "log_prob")
