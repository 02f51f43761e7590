# SPDX-License-Identifier: Apache-2.0
"""Encoders and decoders of somebody's, in every family that has them."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from glf_tf import catalogue, errors, export, parts
from glf_tf.flows import real_nvp
from glf_tf.layers import adapters
from glf_tf.models import abp, glf, lebm, lfbm, lfbm_vae, rae, vae, wae_mmd
from glf_tf.networks import mlp
from glf_tf.priors import flow as flow_prior
from glf_tf.priors import normal
from glf_tf.training import checkpoints, saved_variables
from tests import descriptors

SHAPE, DIM = (8, 8, 1), 4
IMAGE = descriptors.batch(3)["image"]
STATE = {"stage": 0, "step": 0, "global_step": 0, "callbacks": {}}


class Flat(layers.Layer):
    """An encoder of somebody's whose layers have the names that Keras counts to."""

    def __init__(self, size=DIM, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.hidden, self.last = layers.Dense(5, "relu"), layers.Dense(size)
        self.drop = layers.Dropout(0.5)

    def call(self, image):
        flat = tf.reshape(image, [tf.shape(image)[0], 64])
        return self.last(self.drop(self.hidden(flat)))

    def get_config(self):
        return {**super().get_config(), "size": self.size}


def encoder(size=DIM):
    hidden, last = layers.Dense(5, "relu"), layers.Dense(size)
    return keras.Sequential([layers.Flatten(), hidden, last])


def decoder(activation="sigmoid"):
    return keras.Sequential(
        [layers.Dense(5, "relu"), layers.Dense(64, activation), layers.Reshape(SHAPE)]
    )


def pair(size=DIM):
    image = keras.Input(SHAPE)
    flat = layers.Flatten()(image)
    return keras.Model(image, [layers.Dense(size)(flat), layers.Dense(size)(flat)])


def small_flow():
    return flow_prior.FlowPrior(DIM, flow=real_nvp.RealNVP(DIM, blocks=1, hidden=5))


def _glf(**options):
    return glf.GLF(SHAPE, flow=real_nvp.RealNVP(DIM, blocks=1, hidden=5), **options)


MAKERS = {
    "glf": lambda: _glf(encoder=encoder(), decoder=decoder()),
    "glf_subclassed": lambda: _glf(encoder=Flat(DIM), decoder=decoder(None)),
    "rae": lambda: rae.RAE(
        SHAPE, encoder=encoder(), decoder=decoder(), prior=normal.NormalPrior(DIM)
    ),
    "vae_pair": lambda: vae.VAE(SHAPE, encoder=pair(), decoder=decoder()),
    "vae": lambda: vae.VAE(SHAPE, encoder=encoder(2 * DIM), decoder=decoder()),
    "wae_mmd": lambda: wae_mmd.WAEMMD(SHAPE, encoder=encoder(), decoder=decoder()),
    "lfbm": lambda: lfbm.LFBM(
        SHAPE,
        decoder=decoder(),
        prior=small_flow(),
        inference={"name": "langevin", "steps": 2},
    ),
    "lebm": lambda: lebm.LEBM(SHAPE, latent_dim=DIM, decoder=decoder(), prior_steps=2),
    "lfbm_vae": lambda: lfbm_vae.LFBMVAE(
        SHAPE, encoder=Flat(2 * DIM), decoder=decoder(), prior=small_flow()
    ),
}


@pytest.fixture(params=MAKERS)
def name(request):
    return request.param


def test_models_of_somebodys_networks_are_saved_in_every_form(name, tmp_path):
    model, other = MAKERS[name](), MAKERS[name]()
    assert model.latent_dim == DIM
    descriptors.perturb(model)
    images = model.sample(3, seed=0)
    assert images.shape == (3, *SHAPE)
    config = model.get_config()
    assert json.loads(json.dumps(config)) == config
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.sample(3, seed=0), images)
    variables = saved_variables.variables_of(model)
    checkpoints.Checkpoints(tmp_path / "run", variables).save(STATE, step=0)
    assert other.get_config() == config
    described = parts.specification("model", model)
    rebuilt = type(model).from_config({**config, "name": None})
    assert described == parts.specification("model", rebuilt)
    for copy in (other, rebuilt):
        store = checkpoints.Checkpoints(
            tmp_path / "run", saved_variables.variables_of(copy)
        )
        assert store.restore() == STATE
        np.testing.assert_array_equal(copy.sample(3, seed=0), images)


def test_saved_models_hold_somebodys_networks(tmp_path):
    model = MAKERS["vae_pair"]()
    export.export(model, tmp_path / "saved")
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    z = loaded.signatures["encode"](image=IMAGE)["z"]
    np.testing.assert_allclose(z, model.encode(IMAGE), atol=1e-5)
    images = loaded.signatures["decode"](z=z)["image"]
    np.testing.assert_allclose(images, model.decode(z), atol=1e-5)


def test_images_become_their_logits():
    layer = decoder()
    made = adapters.Decoder(layer, latent_dim=DIM, image_shape=SHAPE)
    z = tf.random.stateless_normal([3, DIM], (0, 0))
    np.testing.assert_allclose(tf.sigmoid(made(z)), layer(z), atol=2e-6)


def test_logits_are_taken_as_they_are():
    layer = decoder(None)
    z = tf.random.stateless_normal([3, DIM], (0, 0))
    made = adapters.Decoder(layer, latent_dim=DIM, image_shape=SHAPE)
    np.testing.assert_array_equal(made(z), layer(z))
    said = adapters.Decoder(
        decoder(), latent_dim=DIM, image_shape=SHAPE, output="logits"
    )
    np.testing.assert_array_equal(said(z), said.layer(z))


def test_saturated_pixels_have_finite_logits():
    layer = keras.Sequential(
        [
            keras.Input((DIM,)),
            layers.Dense(
                64, "sigmoid", bias_initializer=keras.initializers.Constant(200.0)
            ),
            layers.Reshape(SHAPE),
        ]
    )
    made = adapters.Decoder(layer, latent_dim=DIM, image_shape=SHAPE)
    assert np.isfinite(made(tf.zeros([2, DIM]))).all()


def test_two_outputs_are_means_and_log_variances():
    layer = pair()
    model = vae.VAE(SHAPE, encoder=layer, decoder=decoder())
    mean, log_variance = layer(IMAGE)
    posterior = model.base_posterior(IMAGE)
    np.testing.assert_allclose(posterior.mean, mean, atol=1e-6)
    np.testing.assert_allclose(posterior.log_scale, 0.5 * log_variance, atol=1e-6)


def test_weights_that_were_learned_before_are_kept():
    layer = encoder()
    before = layer(IMAGE)
    model = _glf(encoder=layer, decoder=decoder())
    assert model.encoder.layer is layer
    np.testing.assert_array_equal(model.encode(IMAGE), before)


def test_one_half_may_be_a_networks():
    model = _glf(encoder=mlp.MLP(hidden=(7,)), decoder={"name": "mlp", "hidden": [9]})
    assert model.encoder.count_params() == 65 * 7 + 8 * DIM
    assert model.get_config()["encoder"]["hidden"] == [7]


def test_a_class_by_name_is_the_object():
    place = f"{__name__}:Flat"
    spec = {"name": place, "size": DIM}
    named, given = (_glf(encoder=item, decoder=decoder()) for item in (spec, Flat(DIM)))
    names = [list(saved_variables.variables_of(item)) for item in (named, given)]
    assert names[0] == names[1]
    configs = [item.get_config()["encoder"] for item in (named, given)]
    assert {item["classes"]["Flat"] for item in configs} == {place}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: _glf(encoder=encoder(5), decoder=decoder()), "flow: 4, encoder: 5"),
        (lambda: _glf(encoder=encoder(), latent_dim=5), "latent_dim: 5, flow: 4"),
        (
            lambda: _glf(encoder=layers.Conv2D(3, 3), decoder=decoder()),
            "6, 6, 3",
        ),
        (
            lambda: _glf(encoder=layers.LSTM(3), decoder=decoder()),
            "accept images",
        ),
        (lambda: _glf(encoder=encoder(), decoder=layers.Dense(64)), "batch, 64"),
        (lambda: _glf(encoder=encoder(), decoder=decoder("tanh")), "tanh"),
        (lambda: _glf(encoder=pair(2), decoder=decoder()), "two outputs"),
        (lambda: vae.VAE(SHAPE, encoder=encoder(5)), "2 \\* latent_dim"),
        (lambda: _glf(encoder=normal.NormalPrior(4)), "network"),
        (lambda: _glf(encoder="nowhere.at.all:Encoder"), "nowhere"),
        (lambda: _glf(encoder=f"{__name__}:SHAPE"), "SHAPE"),
        (lambda: _glf(encoder={"name": "keras", "config": {"class_name": "No"}}), "No"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(make, words):
    with pytest.raises(errors.UserError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_kernels_of_somebodys_decoder_are_regularised():
    options = {"regularization": "l2", "regularization_weight": 1.0}
    model = rae.RAE(SHAPE, encoder=encoder(), decoder=decoder(), **options)
    kernels = [np.array(item.kernel) for item in model.decoder.layer.layers[:2]]
    expected = sum(np.sum(np.square(kernel)) for kernel in kernels)
    np.testing.assert_allclose(model._squared_kernels(), expected, rtol=1e-5)


def test_spectral_normalisation_of_somebodys_decoder_is_refused():
    with pytest.raises(errors.Unsupported, match="Sequential.*Wrap"):
        rae.RAE(SHAPE, decoder=decoder(), regularization="spectral_norm")


def test_one_layer_in_two_places_is_refused():
    shared = layers.Dense(64)
    first = keras.Sequential([layers.Flatten(), shared, layers.Dense(DIM)])
    last = [layers.Dense(64), shared, layers.Reshape(SHAPE)]
    last = keras.Sequential([keras.Input((DIM,)), *last])
    with pytest.raises(errors.InvalidValue, match="same role"):
        _glf(encoder=first, decoder=last)


def test_persistent_chains_take_a_decoder():
    model = abp.ABP(SHAPE, num_images=6, latent_dim=DIM, decoder=decoder())
    assert model.sample(2, seed=0).shape == (2, *SHAPE)


def test_a_class_of_layers_is_found_where_a_network_is():
    spec = {"name": f"{__name__}:Flat", "size": DIM}
    described = catalogue.completed(
        "model", {"name": "glf", "latent_dim": DIM, "encoder": spec, "network": "mlp"}
    )
    assert described["encoder"] == spec
    model = parts.make("model", described, image_shape=SHAPE)
    assert isinstance(model.encoder.layer, Flat)
