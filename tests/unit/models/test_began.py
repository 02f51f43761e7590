# SPDX-License-Identifier: Apache-2.0
"""What makes BEGAN what it is: errors as scores, and the balance k."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, seeds
from glf_tf.training import loop, optimizers, options
from tests import descriptors


def make(**changes):
    spec = {**descriptors.MODELS["began"], **changes}
    made = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    descriptors.perturb(made)
    return made


def terms_of(model, update, *, training):
    update = descriptors.update(model, update)
    return update.terms(descriptors.batch(), seed=seeds.make(0), training=training)


def errors_of(model):
    """The critic's errors of the batch, and of images of the seed of its terms."""
    z = tf.random.stateless_normal([6, 4], seeds.split(0, 2)[0])
    found = []
    for image in (descriptors.batch()["image"], model.decode(z)):
        logits = model.critic_decoder(model.critic_encoder(image)).numpy()
        other = 1 / (1 + np.exp(-np.float64(logits)))
        found.append(np.mean(np.abs(image.numpy() - other), axis=(1, 2, 3)))
    return found


def test_terms_are_errors_of_reconstructions():
    model = make(diversity=0.4)
    model.balance.k.assign(0.3)
    real, made = errors_of(model)
    found = terms_of(model, "critic", training=False)
    np.testing.assert_allclose(found["critic"], real - 0.3 * made, rtol=1e-4)
    expected = real + abs(np.mean(0.4 * real - made))
    np.testing.assert_allclose(found["convergence"], expected, rtol=1e-4)
    generator = terms_of(model, "generator", training=False)["generator"]
    np.testing.assert_allclose(generator, made, rtol=1e-4)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("start", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("diversity", [0.0, 1.0])
def test_balance_moves_by_its_rule_in_training_alone(clip, start, diversity):
    model = make(balance_rate=0.9, diversity=diversity, clip_balance=clip)
    model.balance.k.assign(start)
    real, made = errors_of(model)
    terms_of(model, "critic", training=False)
    assert float(model.balance.value()) == start
    assert float(terms_of(model, "critic", training=True)["balance"]) == start
    moved = start + 0.9 * np.mean(diversity * real - made)
    expected = np.clip(moved, 0.0, 1.0) if clip else moved
    assert float(model.balance.value()) == pytest.approx(expected, abs=1e-5)
    terms_of(model, "generator", training=True)
    assert float(model.balance.value()) == pytest.approx(expected, abs=1e-5)


def test_balance_is_where_its_steps_led_and_is_saved(tmp_path):
    model = make(balance_rate=0.1, clip_balance=False, disc_iters=2)
    made = optimizers.make(
        model.stages(), options=options.Optimizers(), batches_per_epoch=4
    )
    trainer = loop.Loop(
        model,
        descriptors.images(32),
        options=options.Training(epochs={"": 1}, batch_size=8),
        optimizers=made,
    )
    trainer.run()
    reached = float(model.balance.value())
    assert 0.0 < abs(reached) <= 4 * 0.1
    other = make()
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    assert float(other.balance.value()) == reached


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"critic_dim": 0}, "critic_dim"),
        ({"balance_rate": -0.1}, "balance_rate"),
        ({"diversity": 1.2}, "diversity"),
        ({"disc_iters": 0}, "disc_iters"),
        ({"critic": "mpl"}, "mlp"),
    ],
)
def test_bad_options_are_refused(changes, word):
    with pytest.raises(errors.UserError, match=word) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)


def test_a_critic_that_is_no_autoencoder_is_refused():
    layer = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    with pytest.raises(errors.InvalidType, match="an autoencoder.*critic: a Sequent"):
        make(critic=layer)
