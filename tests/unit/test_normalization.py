# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation takes its statistics over all replicas."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, normalization
from glf_tf.runs import devices
from glf_tf.training import step
from tests import descriptors
from tests.conformance import test_models


def normalized(strategy, images):
    """Outputs, gradients of the input, and moving averages, after one step."""
    with strategy.scope():
        layer = normalization.BatchNorm(name="norm")
        layer.build((None, *images.shape[1:]))
        batches = iter(
            strategy.experimental_distribute_dataset(
                tf.data.Dataset.from_tensors(images).unbatch().batch(len(images))
            )
        )

        @tf.function(autograph=False)
        def run(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
                loss = tf.reduce_sum(y**3)
            return y, tape.gradient(loss, x)

        outputs = strategy.run(run, args=(next(batches),))
        y, gradient = (
            np.concatenate(strategy.experimental_local_results(one)) for one in outputs
        )
        averages = [
            np.stack(strategy.experimental_local_results(variable.value))
            for variable in (layer.moving_mean, layer.moving_variance)
        ]
    return y, gradient, averages


@pytest.mark.parametrize("shape", [(8, 3), (8, 2, 4, 3)])
def test_two_replicas_normalise_as_one_device(shape):
    images = np.random.default_rng(0).normal(1.0, 2.0, shape).astype(np.float32)
    images[4:] += 3.0  # so that the halves differ
    one = normalized(devices.strategy("one_device"), images)
    two = normalized(devices.strategy("mirrored"), images)
    np.testing.assert_allclose(two[0], one[0], atol=1e-5)
    np.testing.assert_allclose(two[1], one[1], atol=1e-4)
    for both, alone in zip(two[2], one[2], strict=True):
        assert len(both) == 2
        np.testing.assert_allclose(both, np.broadcast_to(alone, both.shape), rtol=1e-5)


def test_variance_beside_a_large_mean_is_kept():
    """`mean(x^2) - mean(x)^2` would round it to nothing, or worse."""
    x = np.float32([[1000.0], [1000.1], [1000.2], [1000.3]])
    y, _, _ = normalized(devices.strategy("mirrored"), x)
    expected = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    np.testing.assert_allclose(y, expected, rtol=1e-2)


def test_on_one_device_it_is_keras_own():
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    keras_own = tf.keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    ours = normalization.BatchNorm()
    np.testing.assert_array_equal(ours(x, training=True), keras_own(x, training=True))
    np.testing.assert_array_equal(ours.moving_variance, keras_own.moving_variance)


def test_compiled_replicas_with_statistics_are_refused():
    with devices.strategy("mirrored").scope():
        model = descriptors.model("glf_convolutional")
        made = test_models.make_optimizers(model)
        with pytest.raises(errors.Unsupported, match="jit_compile, 2 replicas"):
            step.StageTrainer(
                model, model.stages()[0], optimizers=made, seed=0, jit_compile=True
            )
