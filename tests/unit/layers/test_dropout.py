# SPDX-License-Identifier: Apache-2.0
"""Dropout with masks of a count that is saved."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.layers import dropout

UNITS = tf.ones([100, 40])


def test_a_share_is_set_to_zero_and_the_rest_scaled():
    outputs = np.array(dropout.Dropout(0.3)(UNITS, training=True))
    np.testing.assert_allclose(outputs[outputs > 0.0], 1.0 / 0.7, rtol=1e-6)
    assert abs(np.mean(outputs == 0.0) - 0.3) < 0.03


def test_nothing_is_dropped_outside_of_training():
    layer = dropout.Dropout(0.3)
    np.testing.assert_array_equal(layer(UNITS), UNITS)
    assert int(layer.count) == 0


def test_masks_differ_between_batches_and_layers():
    layer = dropout.Dropout(0.3)
    first, second = (np.array(layer(UNITS, training=True)) for _ in range(2))
    other = np.array(dropout.Dropout(0.3, seed=1)(UNITS, training=True))
    assert np.mean(first != second) > 0.3
    assert np.mean(first != other) > 0.3


def test_a_resumed_layer_goes_on_with_the_same_masks():
    layer = dropout.Dropout(0.3)
    traced = tf.function(lambda: layer(UNITS, training=True))
    masks = [np.array(traced()) for _ in range(4)]
    resumed = dropout.Dropout(0.3)
    resumed.count.assign(2)
    for expected in masks[2:]:
        np.testing.assert_array_equal(resumed(UNITS, training=True), expected)


def test_every_replica_has_masks_of_its_own():
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices[:2]])
    with strategy.scope():
        layer = dropout.Dropout(0.3)

    def drop():
        return layer(UNITS, training=True)

    traced = tf.function(lambda: strategy.run(drop), autograph=False)
    masks = [
        np.array(mask)
        for _ in range(2)
        for mask in strategy.experimental_local_results(traced())
    ]
    assert int(layer.count.numpy()) == 2
    assert len(masks) == 4
    for index, mask in enumerate(masks):
        for other in masks[:index]:
            assert np.mean(mask != other) > 0.3


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_rates_that_are_no_share_are_refused(rate):
    with pytest.raises(errors.InvalidValue, match="dropout="):
        dropout.Dropout(rate)
