# SPDX-License-Identifier: Apache-2.0
"""Training in 16 bits: small gradients are kept, and those that overflow left out."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf.devices import strategies
from glf_tf.training import adam, checkpoints, optimizers, saved_variables
from tests import descriptors
from tests.conformance import test_models

NAMES = ("glf", "glf_convolutional", "lfbm", "wae_gan")


def rounded(name, precision):
    spec = dict(descriptors.MODELS[name])
    spec["network"] = {**spec["network"], "precision": precision}
    return descriptors.catalogue.build("model", spec, **descriptors.arguments(name))


def made_for(model, **settings):
    return test_models.make_optimizers(
        model, scales_loss=optimizers.needs_loss_factor(model), **settings
    )


def optimizer(*, clip_norm=0.0):
    variable = keras.Variable([1.0, 2.0])
    one = adam.Adam(0.1, epsilon=1e-30, scales_loss=True)
    one.build([variable])
    return optimizers.Optimizer(one, [variable], clip_norm), variable


def last_terms(model):
    """The terms of the fifth step of a model's first stage."""
    stage, batch = next(iter(test_models.staged(model)))
    train = test_models.trainer_of(model, stage, batch, made=made_for(model))
    return train(5).last


@functools.cache
def exact(name):
    """The weights of a model in 32 bits, and its terms after some training."""
    model = descriptors.model(name)
    return model.get_weights(), last_terms(model)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", NAMES)
def test_training_in_16_bits_follows_that_in_32(name, precision):
    weights, expected = exact(name)
    model = rounded(name, precision)
    model.set_weights(weights)
    assert optimizers.needs_loss_factor(model) == (precision == "float16")
    found = last_terms(model)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=0.05, atol=0.05)


def test_gradients_too_small_for_float16_are_kept():
    one, variable = optimizer()
    factor = optimizers.loss_factor([one])
    assert np.float16(1e-8) == 0.0
    gradient = tf.cast(tf.constant([1e-8, 0.0]) * factor, tf.float16)
    one.apply([tf.cast(gradient, tf.float32)], loss_factor=factor)
    # A first step of Adam is as long as the rate.
    np.testing.assert_allclose(variable, [0.9, 2.0], atol=1e-4)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
def test_a_step_that_overflows_is_left_out_and_halves_the_factor(bad, clip_norm):
    one, variable = optimizer(clip_norm=clip_norm)
    factor = float(one.keras.loss_factor)
    one.apply([tf.constant([1.0, 1.0])], loss_factor=tf.constant(factor))
    kept = [variable, *one.keras._momentums, *one.keras._velocities]
    before = [np.array(value) for value in kept]
    one.apply([tf.constant([bad, 1.0])], loss_factor=tf.constant(factor))
    for value, old in zip(kept, before, strict=True):
        np.testing.assert_array_equal(value, old)
    assert int(one.keras.iterations) == 1
    assert float(one.keras.loss_factor) == factor / 2
    one.apply([tf.constant([1.0, 1.0])], loss_factor=tf.constant(factor / 2))
    assert np.all(np.asarray(variable) < before[0])
    assert int(one.keras.iterations) == 2


def test_the_factor_doubles_after_many_steps_and_has_bounds():
    one, _ = optimizer()
    before = float(one.keras.loss_factor)
    one.keras.finite_steps.assign(1998.0)
    for expected in (before, 2 * before, 2 * before):
        one.keras.adapt_loss_factor(tf.constant(True))
        assert float(one.keras.loss_factor) == expected
    for _ in range(40):
        one.keras.adapt_loss_factor(tf.constant(False))
    assert float(one.keras.loss_factor) == 1.0
    one.keras.loss_factor.assign(2.0**24)
    one.keras.finite_steps.assign(1999.0)
    one.keras.adapt_loss_factor(tf.constant(True))
    assert float(one.keras.loss_factor) == 2.0**24


def test_an_update_takes_the_smallest_factor_of_its_groups():
    pair = [optimizer()[0], optimizer()[0]]
    pair[1].keras.loss_factor.assign(8.0)
    assert float(optimizers.loss_factor(pair)) == 8.0


def test_replicas_agree_on_what_is_left_out():
    strategy = strategies.strategy("mirrored")
    with strategy.scope():
        one, variable = optimizer()

        @tf.function(autograph=False)
        def run(gradients):
            def replica(gradient):
                one.apply([gradient], loss_factor=tf.constant(1.0))

            strategy.run(replica, args=(gradients,))

        def of_each(values):
            return strategy.experimental_distribute_values_from_function(
                lambda context: tf.constant(values[context.replica_id_in_sync_group])
            )

        run(of_each([[1.0, 1.0], [np.inf, 1.0]]))
        values = [
            np.asarray(v) for v in strategy.experimental_local_results(variable.value)
        ]
        np.testing.assert_array_equal(values, [[1.0, 2.0]] * 2)
        factors = strategy.experimental_local_results(one.keras.loss_factor.value)
        assert [float(factor) for factor in factors] == [2.0**14] * 2
        run(of_each([[1.0, 1.0], [3.0, 1.0]]))
        values = [
            np.asarray(v) for v in strategy.experimental_local_results(variable.value)
        ]
        np.testing.assert_allclose(values, [[0.9, 1.9]] * 2, atol=1e-4)


def test_a_checkpoint_keeps_the_factor(tmp_path):
    first, second = (rounded("glf", "float16") for _ in range(2))
    stores = []
    for model in (first, second):
        made = made_for(model)
        kept = [item.keras for item in made.values()]
        store = checkpoints.Checkpoints(
            tmp_path, saved_variables.variables_of(model, kept)
        )
        stores.append((store, kept))
    for item in stores[0][1]:
        item.loss_factor.assign(64.0)
        item.finite_steps.assign(7.0)
    state = {"stage": 0, "step": 1, "global_step": 1, "callbacks": {}}
    stores[0][0].save(state, step=1)
    stores[1][0].restore()
    for item in stores[1][1]:
        assert float(item.loss_factor) == 64.0
        assert float(item.finite_steps) == 7.0
