# SPDX-License-Identifier: Apache-2.0
"""Norms of gradients: of each group, on any number of devices, in 16 bits too."""

import json

import numpy as np
import tensorflow as tf

from glf_tf import catalogue
from glf_tf.devices import strategies
from glf_tf.training import step
from tests import calls, descriptors
from tests.conformance import test_models


def built(precision="float32", name="gan"):
    given = descriptors.MODELS[name]
    network = {**given["network"], "precision": precision}
    spec = {**given, "network": network}
    return catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)


def trainer(model, *, scales_loss=False):
    (stage,) = model.stages()
    made = test_models.make_optimizers(model, scales_loss=scales_loss)
    return step.StageTrainer(model, stage, optimizers=made, seed=0, measures_norms=True)


def batches():
    """The same six images for every replica."""
    data = tf.data.Dataset.from_tensors(descriptors.batch()).repeat()
    strategy = tf.distribute.get_strategy()
    return iter(strategy.distribute_datasets_from_function(lambda _: data))


def test_it_is_the_norm_of_the_gradient_of_the_loss():
    model = built(name="glf")
    (stage,) = model.stages()
    (update,) = stage.updates
    with tf.GradientTape() as tape:
        terms = update.measure(
            descriptors.batch(), seed=tf.constant([0, 0]), training=True
        )
        loss = sum(
            weight * tf.reduce_mean(terms[name])
            for name, weight in update.weights.items()
        )
    groups = {group.name: [v.value for v in group.variables] for group in update.groups}
    expected = {
        f"gradient_norm/{name}": np.sqrt(sum(np.sum(np.square(g)) for g in gradient))
        for name, gradient in tape.gradient(loss, groups).items()
    }
    found = trainer(model).run(batches(), first_step=0, steps=1)
    norms = {name: found.sums[name] for name in expected}
    assert len(norms) == len(update.groups) == 2
    for name, norm in expected.items():
        np.testing.assert_allclose(norms[name], norm, rtol=1e-4)
    assert set(found.last) == set(stage.term_names)


def test_two_replicas_have_the_mean_of_their_norms():
    found, weights = {}, built(name="glf").get_weights()
    for name in ("one_device", "mirrored"):
        with strategies.strategy(name).scope():
            model = built(name="glf")
            model.set_weights(weights)
            found[name] = trainer(model).run(batches(), first_step=0, steps=1).sums
    # Both replicas have the images that one device has, and the model draws nothing.
    for name, value in found["one_device"].items():
        np.testing.assert_allclose(found["mirrored"][name], value, rtol=1e-4)


def test_without_it_nothing_is_measured():
    model = built()
    (stage,) = model.stages()
    made = test_models.make_optimizers(model)
    plain = step.StageTrainer(model, stage, optimizers=made, seed=0)
    found = plain.run(batches(), first_step=0, steps=1)
    assert set(found.sums) == set(stage.term_names)


def test_in_16_bits_the_factor_of_the_loss_is_taken_out():
    single, half = built(), built("float16")
    half.set_weights(single.get_weights())
    one = trainer(single).run(batches(), first_step=0, steps=1).sums
    other = trainer(half, scales_loss=True).run(batches(), first_step=0, steps=1).sums
    for name in ("gradient_norm/critic", "gradient_norm/generator"):
        np.testing.assert_allclose(other[name], one[name], rtol=0.05)


def test_a_step_that_overflows_counts_as_zero():
    model = built("float16")
    (stage,) = model.stages()
    made = test_models.make_optimizers(model, scales_loss=True)
    for item in made.values():
        item.keras.loss_factor.assign(2.0**24)
    found = step.StageTrainer(
        model, stage, optimizers=made, seed=0, measures_norms=True
    ).run(batches(), first_step=0, steps=1)
    assert found.sums["gradient_norm/critic"] == 0.0
    assert np.isfinite(found.last["critic"])


def test_keras_history_has_them():
    model = built()
    model.compile(gradient_norms=True)
    history = model.fit(descriptors.images().images, verbose=0).history
    assert history["gradient_norm/critic"][0] > 0.0
    assert history["gradient_norm/generator"][0] > 0.0


def test_the_flag_writes_them(tmp_path):
    flags = ("--model=gan", "--network=mlp", "--network.hidden=8", "--latent_dim=2")
    often = (
        "--epochs=1",
        "--batch_size=64",
        "--log_every=5",
        "--draw_every=0",
        "--noexport",
    )
    run = f"--workdir={tmp_path / 'run'}"
    ended = calls.call("train", *flags, *often, run, "--gradient_norms")
    assert ended.status == 0, ended.stderr
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    names = set().union(*map(json.loads, lines))
    for group in ("critic", "generator"):
        assert f"train/gradient_norm/{group}" in names
        assert f"epoch/gradient_norm/{group}" in names
        assert not any(f"test/gradient_norm/{group}" in name for name in names)
