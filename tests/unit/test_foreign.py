# SPDX-License-Identifier: Apache-2.0
"""Specifications of somebody's layers, and what cannot be loaded again."""

import copy

import keras
import pytest
from absl import logging
from keras import layers

from glf_tf import catalogue, errors, foreign, parts
from glf_tf.models import coders, glf
from tests.unit.models import test_coders

SHAPE = test_coders.SHAPE
ENCODER = {"name": f"{test_coders.__name__}:Flat", "size": 5}


class Script(layers.Dense):
    """A class as a script has them."""


Script.__module__ = "__main__"


def test_making_a_layer_leaves_its_specification_alone():
    layer = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, dtype="mixed_bfloat16")]
    )
    spec = foreign.specification(layer)
    before = copy.deepcopy(spec)
    parts_of = [foreign.make(spec) for _ in range(2)]
    assert spec == before
    assert parts_of[0].get_config() == parts_of[1].get_config()


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (layers.Lambda(lambda x: 2 * x, name="double"), "double has a Python lambda"),
        (layers.Dense(2, lambda x: 2 * x, name="twice"), "twice has a Python lambda"),
        (Script(2), "Script is a class of this script"),
    ],
)
def test_what_cannot_be_loaded_is_warned_of_when_it_is_given(layer, words, monkeypatch):
    lines = []
    monkeypatch.setattr(
        logging, "warning", lambda text, *values: lines.append(text % values)
    )
    coders.made(keras.Sequential([layers.Flatten(), layer]))
    assert len(lines) == 1
    assert words in lines[0]
    assert "\n" not in lines[0]
    coders.made(keras.Sequential([layers.Dense(2, "relu"), layers.ReLU()]))
    assert len(lines) == 1


def test_a_lambda_is_refused_in_one_line_when_it_is_loaded():
    double = layers.Lambda(lambda x: 2 * x)
    spec = foreign.specification(keras.Sequential([keras.Input((4,)), double]))
    with pytest.raises(errors.InvalidValue, match="lambda") as caught:
        foreign.make(spec)
    assert "\n" not in str(caught.value)
    assert ".. " not in str(caught.value)


def test_latents_follow_the_encoder_of_a_complete_specification():
    spec = {"name": "glf", "encoder": ENCODER, "network": "mlp", "procedure": "joint"}
    complete = catalogue.completed("model", spec)
    assert complete["latent_dim"] == 64
    model = parts.make("model", complete, image_shape=SHAPE)
    assert model.latent_dim == 5
    assert complete["latent_dim"] == 64
    again = parts.specification("model", model)
    assert again["latent_dim"] == 5
    with pytest.raises(errors.InvalidValue, match="latent_dim: 6, encoder: 5"):
        parts.make("model", {**spec, "latent_dim": 6}, image_shape=SHAPE)
    with pytest.raises(errors.InvalidValue, match="latent_dim: 64, encoder: 5"):
        glf.GLF(SHAPE, latent_dim=64, encoder=ENCODER, network="mlp")
