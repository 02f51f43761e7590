# SPDX-License-Identifier: Apache-2.0
"""Sharpening by a critic: its terms, whose gradients they are, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, seeds
from glf_tf.sharpening import adversarial, sharpening
from glf_tf.training import optimizers, options, stages, step

SHAPE = (8, 8, 1)
SEED = seeds.make(3)


def made(**given):
    """A sharpening, a decoder, and its updates by name."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((2,)), keras.layers.Dense(64), keras.layers.Reshape(SHAPE)]
    decoder = keras.Sequential(layers)
    chosen = adversarial.Adversarial(SHAPE, widths=(3, 4), **given)
    for variable in chosen.critic.trainable_variables:
        variable.assign(variable + 0.1)  # scores of about 0 would tell nothing
    decoding = sharpening.Decoding(decoder, latents=lambda batch, *, seed: batch["z"])
    return chosen, decoder, {item.name: item for item in chosen.updates(decoding)}


def batch():
    generator = np.random.default_rng(0)
    numbers = {
        "image": generator.random((5, *SHAPE)),
        "z": generator.normal(size=(5, 2)),
        "drawn": generator.normal(size=(5, 2)) + 2.0,
    }
    return {name: tf.constant(value, tf.float32) for name, value in numbers.items()}


def measured(updates, name, *, training=False, seed=SEED):
    found = updates[name].measure(batch(), seed=seed, training=training)
    return {key: value.numpy() for key, value in found.items()}


def sigmoid(decoder, z):
    return 1.0 / (1.0 + np.exp(-decoder(z).numpy()))


def mean(values):
    return np.mean(values, axis=(1, 2, 3))


def test_terms_are_those_of_numpy():
    chosen, decoder, updates = made(drawn=0.25)
    inputs = batch()
    real = inputs["image"].numpy()
    images = {"": sigmoid(decoder, inputs["z"])}
    images["_drawn"] = sigmoid(decoder, inputs["drawn"])
    judge = lambda image: [x.numpy() for x in chosen.critic(2.0 * image - 1.0)]  # noqa: E731
    *wanted, score = judge(real)
    of_critic = {"critic_real": mean(np.maximum(0.0, 1.0 - score))}
    of_decoder = {"squared_error": 64 * mean((real - images[""]) ** 2)}
    for kind, image in images.items():
        *found, score = judge(image)
        of_critic[f"critic_made{kind}"] = mean(np.maximum(0.0, 1.0 + score))
        of_decoder[f"judged{kind}"] = -mean(score)
        if kind == "":
            pairs = zip(wanted, found, strict=True)
            of_decoder["features"] = sum(mean(np.abs(a - b)) for a, b in pairs)
    for name, expected in (("critic", of_critic), ("decoder", of_decoder)):
        terms = measured(updates, name)
        assert set(terms) == set(expected)
        for key, value in terms.items():
            np.testing.assert_allclose(value, expected[key], rtol=1e-4, err_msg=key)


def test_draws_share_the_weights_of_the_critic():
    _, _, updates = made(weight=2.0, drawn=0.25)
    assert updates["critic"].weights == {
        "critic_real": 1.0,
        "critic_made": 0.75,
        "critic_made_drawn": 0.25,
    }
    assert updates["decoder"].weights == {
        "judged": 1.5,
        "judged_drawn": 0.5,
        "features": 10.0,
        "squared_error": 0.3,
    }


def test_without_draws_none_are_wanted():
    chosen, _, updates = made()
    assert not chosen.draws
    assert set(updates["critic"].weights) == {"critic_real", "critic_made"}


def values(layer):
    return [np.array(variable) for variable in layer.variables]


def is_same(before, after):
    return [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]


class Alone(keras.Model):
    """A model of one update."""

    def __init__(self, update):
        super().__init__()
        self._stage = stages.Stage("sharpen", (update,))

    def stages(self):
        return (self._stage,)


@pytest.mark.parametrize("name", ["critic", "decoder"])
def test_each_player_moves_alone(name):
    chosen, decoder, updates = made(drawn=0.5, noise=0.1)
    players = {"critic": chosen.critic, "decoder": decoder}
    before = {key: values(player) for key, player in players.items()}
    model = Alone(updates[name])
    rates = options.Optimizers(learning_rate={"": 0.01})
    trainer = step.StageTrainer(
        model,
        model.stages()[0],
        optimizers=optimizers.make(model.stages(), options=rates, batches_per_epoch=9),
        seed=0,
    )
    batches = iter(tf.data.Dataset.from_tensors(batch()).repeat())
    assert trainer.run(batches, first_step=0, steps=3).steps == 3
    for key, player in players.items():
        # The norms' vectors among them: they follow the critic's own update alone.
        expected = [key != name] * len(player.variables)
        assert is_same(before[key], values(player)) == expected


def test_the_decoder_learns_from_what_has_weight():
    """With the critic's judgement alone, the decoder pleases it better and better."""
    _, decoder, updates = made(features=0.0, squared_error=0.0)
    variables = [variable.value for variable in decoder.trainable_variables]
    judged = []
    for _ in range(5):
        with tf.GradientTape() as tape:
            terms = updates["decoder"].measure(batch(), seed=SEED, training=True)
            means = {key: tf.reduce_mean(value) for key, value in terms.items()}
            loss = step.weighted_sum(
                means, weights=updates["decoder"].weights, step=tf.constant(0)
            )
        judged.append(float(loss))
        for variable, slope in zip(
            variables, tape.gradient(loss, variables), strict=True
        ):
            variable.assign_sub(0.5 * slope)
    assert judged == sorted(judged, reverse=True)


def test_noise_is_seen_in_training_alone():
    plain, noisy = made()[2], made(noise=0.5)[2]
    for name in ("critic", "decoder"):
        calm, shaken = (measured(updates, name) for updates in (plain, noisy))
        for key in calm:
            np.testing.assert_array_equal(calm[key], shaken[key])
    calm = measured(plain, "decoder", training=True)
    shaken = measured(noisy, "decoder", training=True)
    np.testing.assert_array_equal(calm["squared_error"], shaken["squared_error"])
    assert np.abs(calm["judged"] - shaken["judged"]).max() > 1e-4
    other = measured(noisy, "decoder", training=True, seed=seeds.make(4))
    assert np.abs(other["judged"] - shaken["judged"]).max() > 1e-4


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"weight": -1.0}, "`weight` must not be negative"),
        ({"features": -0.1}, "`features` must"),
        ({"squared_error": float("nan")}, "`squared_error` must not"),
        ({"noise": -1.0}, "`noise` must not"),
        ({"drawn": 1.5}, "between 0 and 1.*drawn=1.5"),
        ({"drawn": -0.5}, "between 0 and 1.*drawn=-0.5"),
        (
            {"weight": 0.0, "features": 0.0, "squared_error": 0.0},
            "of a weight above 0.*weight=0.0, features=0.0",
        ),
        ({"widths": (2, 2, 2, 2)}, "at least 16 pixels.*at most 3 widths"),
        ({"widths": ()}, "`widths`"),
    ],
)
def test_what_cannot_sharpen_is_refused(given, word):
    with pytest.raises(errors.InvalidValue, match=word):
        adversarial.Adversarial(SHAPE, **given)
