# SPDX-License-Identifier: Apache-2.0
"""Networks of users in couplings on images."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from glf_tf import errors
from glf_tf.bijectors import factor_out, image_coupling
from glf_tf.flows import image_flow as flow_lib
from glf_tf.models import image_flow

SHAPE = (4, 4, 2)


def network(input_shape, outputs, *, name, dtype):
    stack = [
        keras.Input(input_shape),
        layers.Conv2D(3, 3, padding="same", activation="relu", dtype=dtype),
        layers.Conv2D(outputs, 3, padding="same", dtype=dtype),
    ]
    return keras.Sequential(stack, name=name)


@keras.saving.register_keras_serializable(package="tests")
class OwnFlow(flow_lib.AbstractImageFlow):
    def make_steps(self):
        steps = [
            image_coupling.ImageCoupling(
                SHAPE, network=network, transforms=half, name=half
            )
            for half in ("first", "second")
        ]
        return [*steps, factor_out.FactorOut(SHAPE, name="factor_out")]


def test_a_flow_with_networks_of_keras_is_trained_and_saved(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, *SHAPE), dtype=np.uint8)
    model = image_flow.ImageFlow(SHAPE, flow=OwnFlow(SHAPE))
    before = [np.array(each) for each in model.flow.trainable_variables]
    model.fit(pixels, epochs=1, batch_size=8)
    for old, new in zip(before, model.flow.trainable_variables, strict=True):
        assert np.any(old != np.array(new)), new.path
    model.save(tmp_path / "own.keras")
    loaded = keras.saving.load_model(tmp_path / "own.keras")
    image = tf.constant(pixels / 255.0, tf.float32)
    np.testing.assert_array_equal(loaded.log_prob(image), model.log_prob(image))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda *args, **kwargs: "layer", "Received: str"),
        (
            lambda inputs, outputs, **kwargs: network(inputs, outputs + 1, **kwargs),
            r"Received: outputs \(4, 4, 3\)",
        ),
        (
            lambda inputs, outputs, **kwargs: layers.Conv2D(outputs, 3, **kwargs),
            r"Received: outputs \(2, 2, 2\)",
        ),
    ],
)
def test_what_is_no_network_is_refused(made, words):
    with pytest.raises((errors.InvalidType, errors.InvalidValue), match=words) as said:
        image_coupling.ImageCoupling(SHAPE, network=made, name="coupling")
    assert "\n" not in str(said.value)
