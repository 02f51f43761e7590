# SPDX-License-Identifier: Apache-2.0
"""A decoder's kind of output is proved, or asked for."""

import keras
import numpy as np
import pytest
from keras import layers

from glf_tf import errors
from glf_tf.layers import adapters, endings

SHAPE, DIM = (4, 4, 1), 3


def stack(*ends, activation=None):
    return keras.Sequential(
        [layers.Dense(16, activation), layers.Reshape(SHAPE), *ends]
    )


def functional(end, inner=None):
    z = keras.Input((DIM,))
    return keras.Model(z, end(inner(z) if inner else stack()(z)))


class Own(layers.Layer):
    """A decoder of somebody's, the last layer of which is made first."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.last, self.first = layers.Dense(16, "sigmoid"), layers.Dense(5, "relu")

    def call(self, z):
        return keras.ops.reshape(self.last(self.first(z)), (-1, *SHAPE))


class OwnModel(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(16)

    def call(self, z):
        return keras.ops.sigmoid(keras.ops.reshape(self.dense(z), (-1, *SHAPE)))


def decoder(layer, output="auto"):
    return adapters.Decoder(layer, latent_dim=DIM, image_shape=SHAPE, output=output)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: stack(activation="sigmoid"), True),
        (lambda: stack(), False),
        (lambda: stack(layers.Activation("sigmoid")), True),
        (lambda: stack(layers.Activation("linear"), activation="sigmoid"), True),
        (lambda: stack(layers.Conv2D(1, 3, padding="same", activation=None)), False),
        (lambda: keras.Sequential([stack(activation="hard_sigmoid")]), True),
        (lambda: functional(layers.Reshape(SHAPE)), False),
        (lambda: functional(keras.ops.sigmoid), True),
        (lambda: functional(layers.Cropping2D(0), stack(activation="sigmoid")), True),
    ],
)
def test_an_end_in_a_known_layer_shows_it(make, expected):
    layer = make()
    layer.build((None, DIM)) if not layer.built else None
    assert endings.gives_images(layer) == expected


REFUSED = {
    "Lambda": lambda: stack(layers.Lambda(keras.ops.sigmoid)),
    "a function": lambda: stack(layers.Activation(lambda x: keras.ops.sigmoid(x))),
    "Rescaling": lambda: stack(layers.Rescaling(255.0), activation="sigmoid"),
    "elu": lambda: stack(layers.Activation("elu")),
    "tanh": lambda: stack(activation="tanh"),
    "ReLU": lambda: stack(layers.ReLU(max_value=1.0)),
    "Tanh": lambda: functional(keras.ops.tanh),
    "Own": Own,
    "OwnModel": OwnModel,
}


@pytest.mark.parametrize("name", REFUSED)
def test_any_other_end_asks_for_the_option(name):
    with pytest.raises(errors.InvalidValue, match=f"{name}.*decoder_output=") as caught:
        decoder(REFUSED[name]())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["Own", "OwnModel", "Lambda"])
def test_the_option_decides(name):
    layer = REFUSED[name]()
    z = np.random.default_rng(0).normal(size=(5, DIM)).astype("float32")
    images = keras.ops.sigmoid(decoder(layer, "images")(z))
    np.testing.assert_allclose(images, layer(z), atol=1e-5)
    layer = REFUSED[name]()
    np.testing.assert_array_equal(decoder(layer, "logits")(z), layer(z))


@pytest.mark.parametrize("name", ["Rescaling", "tanh"])
def test_images_outside_of_the_range_are_refused(name):
    with pytest.raises(errors.InvalidValue, match="values in \\[0, 1\\].*from"):
        decoder(REFUSED[name](), "images")


def test_another_word_is_refused():
    with pytest.raises(errors.InvalidValue, match="auto, logits or images.*pixels"):
        decoder(stack(), "pixels")
