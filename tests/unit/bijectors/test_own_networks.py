# SPDX-License-Identifier: Apache-2.0
"""Networks of users in couplings on images."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from glf_tf import errors
from glf_tf.bijectors import actnorm, factor_out, image_coupling, linear, squeeze
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
        ("glwo", "Did you mean glow"),
        (None, "network=None"),
        (layers.Conv2D(4, 3), "a function that makes one"),
        ({"name": "glow", "hiden": 3}, "Did you mean hidden"),
        ({"name": "glow", "hidden": 0}, "hidden=0"),
        ({"name": "gated", "depth": 2.5}, "depth=2.5"),
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


def test_a_name_is_a_network():
    step = image_coupling.ImageCoupling(SHAPE, network="gated", name="coupling")
    assert type(step.network).__name__ == "GatedConditioner"


@pytest.mark.parametrize(
    ("option", "make"),
    [
        ({"masking": "chanels"}, image_coupling.ImageCoupling),
        ({"transforms": "third"}, image_coupling.ImageCoupling),
        ({"scale": "tan"}, image_coupling.ImageCoupling),
        ({"order": "color"}, squeeze.Squeeze),
        ({"new_order": "color"}, squeeze.Reorder),
        ({"parameters": "qr"}, linear.Linear),
    ],
)
def test_choices_of_steps_are_checked(option, make):
    network = {"network": "glow"} if make is image_coupling.ImageCoupling else {}
    shape = (4, 4, 4)
    with pytest.raises(errors.InvalidValue, match=next(iter(option))) as said:
        make(shape, **network, **option)
    assert "\n" not in str(said.value)


def _flow(*steps):
    class Made(flow_lib.AbstractImageFlow):
        def make_steps(self):
            made = [step() for step in steps]
            return made[0] if made == [None] else made

    return Made(SHAPE)


def _norm(shape=SHAPE):
    return lambda: actnorm.ActNorm(shape)


def _factor(shape=SHAPE, **options):
    return lambda: factor_out.FactorOut(shape, **options)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "left by Made"),
        ([_norm()], "left by Made"),
        ([_factor(kept=1)], r"images \(4, 4, 1\) left"),
        ([_factor(), _norm()], "where nothing is left"),
        ([_norm((4, 4, 3)), _factor()], r"event_shape=\(4, 4, 2\) is left"),
        ([_factor(kept=1), _norm()], r"event_shape=\(4, 4, 1\) is left"),
        ([_factor(kept=2)], "kept=2 of 2"),
        ([lambda: None], "NoneType in Made"),
        ([lambda: layers.Dense(3), _factor()], "Dense in Made"),
    ],
)
def test_flows_that_would_miss_a_part_of_the_density_are_refused(steps, words):
    with pytest.raises((errors.InvalidType, errors.InvalidValue), match=words) as said:
        _flow(*steps)
    assert "\n" not in str(said.value)


def test_steps_may_be_yielded():
    class Made(flow_lib.AbstractImageFlow):
        def make_steps(self):
            yield actnorm.ActNorm(SHAPE)
            yield factor_out.FactorOut(SHAPE)

    assert len(Made(SHAPE).steps) == 2
