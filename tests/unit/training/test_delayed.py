# SPDX-License-Identifier: Apache-2.0
"""Weights that begin late: when, and that they begin at all."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.training import delayed, stages


def stage(weight):
    layer = keras.layers.Dense(1)
    layer.build((None, 1))
    group = stages.Group("left", (layer,))
    weights = {"first": 1.0, "late": weight}
    return stages.Stage.of("only", group, terms=terms, weights=weights)


def terms(batch, *, seed, training):
    raise NotImplementedError


def test_it_is_zero_before_its_start():
    weight = delayed.Delayed(0.5, start=3)
    found = [float(weight(tf.constant(step, tf.int64))) for step in range(5)]
    np.testing.assert_array_equal(found, [0.0, 0.0, 0.0, 0.5, 0.5])


def test_a_start_after_the_end_is_refused():
    late = stage(delayed.Delayed(0.5, start=10))
    delayed.check(late, steps=11)
    delayed.check(late, steps=0)  # a stage that is left out
    with pytest.raises(errors.InvalidValue, match="late must begin.*start=10 of 10"):
        delayed.check(late, steps=10)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ((None, 1), "`weight` must be a number"),
        ((float("inf"), 1), "`weight`"),
        ((1.0, -1), "`start` must be at least 0"),
        ((1.0, 1.5), "`start`"),
    ],
)
def test_what_is_no_number_is_refused(given, word):
    with pytest.raises((errors.InvalidType, errors.InvalidValue), match=word):
        delayed.Delayed(*given)
