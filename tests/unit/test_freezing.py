# SPDX-License-Identifier: Apache-2.0
"""What is frozen in a model is frozen in its copies, however its parts were given."""

import json

import keras
import pytest
from keras import layers

from glf_tf import freezing, parts
from glf_tf.flows import real_nvp
from glf_tf.models import glf
from glf_tf.networks import mlp

SHAPE = (4, 4, 1)
FLOW = {"blocks": 1, "hidden": 4}


def by_object(**options):
    flow = real_nvp.RealNVP(3, **FLOW)
    return _model(network=mlp.MLP(hidden=(4,)), flow=flow, **options)


def by_specification(**options):
    network = {"name": "mlp", "hidden": [4]}
    return _model(network=network, flow={"name": "real_nvp", **FLOW}, **options)


def _model(**options):
    return glf.GLF(SHAPE, latent_dim=3, procedure="joint", **options)


def _freeze_encoder(model):
    model.encoder.trainable = False


def _freeze_a_layer(model):
    model.encoder.layers[-1].trainable = False


def _freeze_flow(model):
    model.flow.trainable = False


def _freeze_a_step(model):
    model.flow.steps[0].trainable = False


def _freeze_all(model):
    model.trainable = False


def trained(model):
    return [variable.path for variable in model.trainable_variables]


@pytest.mark.parametrize(
    ("freeze", "paths"),
    [
        (_freeze_encoder, ["encoder"]),
        (_freeze_a_layer, ["encoder/dense_last"]),
        (_freeze_flow, ["prior/flow"]),
        (_freeze_a_step, ["prior/flow/block_0_first"]),
        (_freeze_all, None),
    ],
)
def test_what_is_frozen_is_frozen_in_every_copy(freeze, paths, tmp_path):
    given, described = by_object(), by_specification()
    for model in (given, described):
        whole = trained(model)
        freeze(model)
        assert trained(model) != whole
        assert paths in (None, freezing.frozen(model))
    assert given.get_config() == described.get_config()
    spec = json.loads(json.dumps(parts.specification("model", described)))
    described.save(tmp_path / "model.keras")
    for copy in (
        keras.saving.load_model(tmp_path / "model.keras"),
        parts.make("model", spec, image_shape=SHAPE),
        keras.models.clone_model(given),
    ):
        assert trained(copy) == trained(described)
        assert copy.get_config() == described.get_config()


def test_a_part_that_was_given_frozen_stays_so():
    flow = real_nvp.RealNVP(3, **FLOW)
    flow.trainable = False
    model = _model(network={"name": "mlp", "hidden": [4]}, flow=flow)
    again = parts.make("model", parts.specification("model", model), image_shape=SHAPE)
    assert not again.flow.trainable
    assert again.get_config() == model.get_config()


def test_a_model_that_trains_whole_says_nothing_of_it():
    assert "frozen" not in by_object().get_config()
    assert "frozen" not in parts.specification("model", by_specification())


def test_a_users_encoder_says_by_itself_what_is_frozen(tmp_path):
    encoder = keras.Sequential([layers.Flatten(), layers.Dense(5), layers.Dense(3)])
    encoder.build((None, *SHAPE))
    encoder.layers[1].trainable = False
    model = by_object(encoder=encoder)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert trained(loaded) == trained(model)
    assert freezing.frozen(model) == []
