# SPDX-License-Identifier: Apache-2.0
"""Autoencoders with a critic: whose gradients go where, and with which weight."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, seeds
from glf_tf.devices import strategies
from glf_tf.models import contested, rae
from glf_tf.training import optimizers, options, step
from tests import descriptors

CONTESTED = ("glf_patch_adversarial", "rae_patch_adversarial", "vae_critic_features")


def update_of(model, name):
    stage = model.stages()[0]
    name = {"critic": "critic"}.get(name, stage.name)
    return next(update for update in stage.updates if update.name == name)


def slopes(model, player, term, layer):
    """The largest slope of a term at each variable of a layer; None if it has none."""
    variables = [v.value for v in layer.trainable_variables]
    update = update_of(model, player)
    with tf.GradientTape() as tape:
        found = update.terms(descriptors.batch(), seed=seeds.make(0), training=True)
        value = tf.reduce_mean(found[term])
    gradients = tape.gradient(value, variables)
    return [None if g is None else np.abs(g).max() for g in gradients]


@pytest.mark.parametrize("name", CONTESTED)
def test_error_and_judgement_reach_encoder_and_decoder(name):
    model = descriptors.model(name)
    for term in ("reconstruction", "judged"):
        for layer in (model.encoder, model.decoder):
            assert all(s > 0.0 for s in slopes(model, "autoencoder", term, layer))


def test_the_likelihood_still_does_not_reach_the_encoder():
    model = descriptors.model("glf_patch_adversarial")
    found = slopes(model, "autoencoder", "nll", model.encoder)
    assert found == [None] * len(found)
    assert all(s > 0.0 for s in slopes(model, "autoencoder", "nll", model.prior))


def values(layer):
    return [np.array(v) for v in layer.trainable_variables]


def is_moved(before, layer):
    pairs = zip(before, layer.trainable_variables, strict=True)
    return [bool(np.any(old != np.array(new))) for old, new in pairs]


def trained(model, *, steps, first_step=0):
    stage = model.stages()[0]
    rates = options.Optimizers(learning_rate={"": 0.01})
    made = optimizers.make(model.stages(), options=rates, batches_per_epoch=9)
    trainer = step.StageTrainer(model, stage, optimizers=made, seed=0)
    batches = iter(tf.data.Dataset.from_tensors(descriptors.batch()).repeat())
    return trainer.run(batches, first_step=first_step, steps=steps)


@pytest.mark.parametrize("name", CONTESTED)
def test_each_player_has_its_own_variables(name):
    model = descriptors.model(name)
    groups = [g for u in model.stages()[0].updates for g in u.groups]
    found = {group.name: {id(v) for v in group.variables} for group in groups}
    critic = {id(v) for v in model.reconstruction.critic.trainable_variables}
    assert found.pop("critic") == critic
    assert not critic & set().union(*found.values())
    assert [u.name for u in model.stages()[0].updates][0] == "critic"


def late(start):
    spec = {**descriptors.MODELS["glf"], "reconstruction": {
        "name": "patch_adversarial", "widths": (3, 4), "start": start}}  # fmt: skip
    keras.utils.set_random_seed(0)
    made = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    descriptors.perturb(made)
    return made


def test_before_its_start_a_critic_neither_learns_nor_counts():
    model, plain = late(2), descriptors.model("glf")
    for layer in ("encoder", "decoder", "prior"):
        weights = getattr(plain, layer).get_weights()
        getattr(model, layer).set_weights(weights)
    critic = values(model.reconstruction.critic)
    trained(model, steps=2), trained(plain, steps=2)
    assert not any(is_moved(critic, model.reconstruction.critic))
    for layer in ("encoder", "decoder"):
        pairs = zip(
            values(getattr(model, layer)), values(getattr(plain, layer)), strict=True
        )
        for first, second in pairs:
            np.testing.assert_allclose(first, second, atol=1e-6)
    trained(model, steps=1, first_step=2)
    assert all(is_moved(critic, model.reconstruction.critic))


def test_a_start_after_the_end_of_training_is_refused():
    with pytest.raises(errors.InvalidValue, match="must begin.*start=4 of 4 steps"):
        late(4).fit(descriptors.images(), epochs=2, batch_size=24, verbose=0)
    late(3).fit(descriptors.images(), epochs=2, batch_size=24, verbose=0)


def test_the_judgements_weight_is_in_proportion_to_the_reconstructions():
    weights = update_of(descriptors.model("glf_patch_adversarial"), "joint").weights
    assert (weights["reconstruction"], weights["judged"]) == (2.0, 1.0)
    assert {weights[name] for name in ("error", "features", "adaptive_weight")} == {0.0}
    plain = update_of(descriptors.model("glf"), "joint").weights
    assert set(plain) == {"reconstruction", "nll"}


# A case by hand: images of 2x2 pixels, one matrix as decoder, and a critic of one
# convolution, D(y) = b * leaky(a . (2 y - 1) + c), of which a and b are divided by
# their norms.


def tiny(**given):
    keras.utils.set_random_seed(3)
    layers = keras.layers
    encoder = [keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(2)]
    decoder = [keras.Input((2,)), layers.Dense(4, use_bias=False)]
    model = rae.RAE(
        (2, 2, 1),
        encoder=keras.Sequential(encoder),
        decoder=keras.Sequential([*decoder, layers.Reshape((2, 2, 1))]),
        decoder_output="logits",
        prior="standard_normal",
        latent_weight=0.0,
        reconstruction={
            "name": "patch_adversarial",
            "widths": (1,),
            "spectral": True,
            **given,
        },
    )
    for index, variable in enumerate(model.trainable_variables):
        drawn = np.random.default_rng(index).uniform(-1.0, 1.0, size=variable.shape)
        variable.assign(drawn)
    return model


def by_hand(model, image):
    """Slopes of the error and the judgement at the decoder's matrix, in NumPy."""
    first, bias, last = (
        np.array(v) for v in model.reconstruction.critic.trainable_variables
    )
    # The convolutions have a border of 1 pixel: the middle of the kernels counts.
    seen = (first / np.linalg.norm(first))[1:3, 1:3, 0, 0].ravel()
    factor = (last / np.linalg.norm(last))[1, 1, 0, 0]
    (matrix,) = (np.array(v) for v in model.decoder.trainable_variables)
    z, x = np.array(model.encode(image)), image.reshape(-1, 4)
    y = 1.0 / (1.0 + np.exp(-z @ matrix))
    slope = np.where((2 * y - 1) @ seen + bias > 0.0, 1.0, 0.2)[:, None]
    of_judgement = -factor * slope * 2.0 * seen
    at_logits = [g * y * (1.0 - y) for g in (2.0 * (y - x), of_judgement)]
    return [z.T @ g / len(x) for g in at_logits]


def test_the_adaptive_weight_is_that_of_a_case_by_hand():
    image = np.random.default_rng(1).random((5, 2, 2, 1)).astype(np.float32)
    batch = {"image": tf.constant(image)}
    found, plain = (
        update_of(tiny(adaptive=adaptive), "autoencoder").measure(
            batch, seed=seeds.make(0), training=False
        )
        for adaptive in (True, False)
    )
    error, judgement = map(np.linalg.norm, by_hand(tiny(), image))
    expected = error / (judgement + 1e-4)
    assert 0.1 < expected < 1e3
    np.testing.assert_allclose(found["adaptive_weight"], expected, rtol=1e-4)
    np.testing.assert_allclose(found["judged"], expected * plain["judged"], rtol=1e-4)
    assert "adaptive_weight" not in plain


def test_the_adaptive_weight_is_no_part_of_the_gradient():
    """The judgement's own slope, times a number: no slope of the number."""
    model = descriptors.model("glf_patch_adversarial")
    kernel = model.decoder.trainable_variables[0].value
    with tf.GradientTape(persistent=True) as tape:
        found = update_of(model, "joint").terms(
            descriptors.batch(), seed=seeds.make(0), training=True
        )
        judged = tf.reduce_mean(found["judged"])
        plain = judged / tf.stop_gradient(found["adaptive_weight"])
    weighted, own = tape.gradient(judged, kernel), tape.gradient(plain, kernel)
    np.testing.assert_allclose(weighted, found["adaptive_weight"] * own, rtol=1e-4)


class Backwards(keras.layers.Layer):
    """A decoder that made its last layer first."""

    def __init__(self):
        super().__init__()
        self.last, self.first = keras.layers.Dense(4), keras.layers.Dense(3)
        self.last.build((None, 3)), self.first.build((None, 2))

    def call(self, z):
        return tf.reshape(self.last(self.first(z)), [-1, 2, 2, 1])

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2, 2, 1)


@pytest.mark.parametrize("strategy", ["one_device", "mirrored"])
def test_the_last_kernel_is_the_one_that_is_used_last(strategy):
    with strategies.strategy(strategy).scope():
        layer = Backwards()
        assert len(layer.trainable_variables) == 4
        found = contested.last_kernel(layer, latent_dim=2)
    assert found is layer.last.kernel
    family = descriptors.model("glf_patch_adversarial").decoder
    kernels = [v for v in family.trainable_variables if len(v.shape) > 1]
    assert contested.last_kernel(family, latent_dim=4) is kernels[-1]


def test_a_decoder_without_a_kernel_has_no_adaptive_weight():
    model = tiny()
    model.decoder.trainable = False
    with pytest.raises(errors.Unsupported, match="last kernel.*noreconstruction.adap"):
        model.stages()


@pytest.mark.parametrize("name", ["glann", "lfbm", "two_stage_vae", "wae_gan"])
@pytest.mark.parametrize("part", ["critic_features", "patch_adversarial"])
def test_models_that_train_no_critic_of_images_refuse_it(name, part):
    spec = {
        **descriptors.MODELS[name],
        "reconstruction": {"name": part, "widths": (3,)},
    }
    with pytest.raises(errors.Unsupported, match="trains the critic.*--model=glf"):
        catalogue.build("model", spec, **descriptors.arguments(name))


def test_a_penalty_on_the_decoders_gradient_goes_with_it():
    spec = {
        **descriptors.MODELS["rae_flow"],
        "reconstruction": {"name": "patch_adversarial", "widths": (3, 4)},
    }
    model = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    before = values(model.decoder)
    last = trained(model, steps=2).last
    assert np.isfinite([last["gradient_penalty"], last["adaptive_weight"]]).all()
    assert all(is_moved(before, model.decoder))


def test_an_adaptive_weight_of_compiled_replicas_is_refused():
    with strategies.strategy("mirrored").scope():
        model = descriptors.model("glf_patch_adversarial")
        stage, settings = model.stages()[0], options.Optimizers()
        made = optimizers.make(model.stages(), options=settings, batches_per_epoch=9)
        with pytest.raises(errors.Unsupported, match="2 replicas.*reconstruction"):
            step.StageTrainer(model, stage, optimizers=made, seed=0, jit_compile=True)
