# SPDX-License-Identifier: Apache-2.0
"""What makes GANs what they are: players, penalties, turns, bounds and options."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, seeds
from glf_tf.data import image_set
from glf_tf.models import gan
from glf_tf.objectives import adversarial, gradient_penalty
from glf_tf.training import loop, optimizers, options, stages, step
from tests import descriptors


def make(**changes):
    spec = {**descriptors.MODELS["gan"], "loss": "non_saturating", **changes}
    shape = spec.pop("image_shape", descriptors.IMAGE_SHAPE)
    made = catalogue.build("model", spec, image_shape=shape)
    descriptors.perturb(made)
    return made


def terms_of(model, update, *, batch=None):
    batch = descriptors.batch() if batch is None else batch
    update = descriptors.update(model, update)
    return update.terms(batch, seed=seeds.make(0), training=True)


def made_by(model, count=6):
    """The images of the seed that `terms_of` gives."""
    z = tf.random.stateless_normal([count, 4], seeds.split(0, 2)[0])
    return model.decode(z)


@pytest.mark.parametrize("loss", sorted(adversarial.LOSSES))
def test_players_minimise_the_loss_of_their_scores(loss):
    bound = {"clip": 1.0} if loss == "wasserstein" else {}
    model = make(loss=loss, **bound)
    real = model.critic(descriptors.batch()["image"])[:, 0]
    made = model.critic(made_by(model))[:, 0]
    expected = adversarial.LOSSES[loss]
    found = terms_of(model, "critic")
    np.testing.assert_allclose(found["critic"], expected.critic(real, made), rtol=1e-4)
    np.testing.assert_allclose(found["distance"], real - made, rtol=1e-4)
    np.testing.assert_array_equal(found["accuracy"], np.float32(real > made))
    generator = terms_of(model, "generator")["generator"]
    np.testing.assert_allclose(generator, expected.generator(real, made), rtol=1e-4)


def test_least_squares_are_of_probabilities_where_it_is_said():
    model = make(loss="least_squares", on_probability=True)
    real = tf.sigmoid(model.critic(descriptors.batch()["image"])[:, 0]).numpy()
    made = tf.sigmoid(model.critic(made_by(model))[:, 0]).numpy()
    expected = 0.5 * (real - 1) ** 2 + 0.5 * made**2
    np.testing.assert_allclose(terms_of(model, "critic")["critic"], expected, rtol=1e-4)
    np.testing.assert_allclose(
        terms_of(model, "generator")["generator"], 0.5 * (made - 1) ** 2, rtol=1e-4
    )


def norms(model, image, *, link=lambda score: score):
    """Squared norms of the critic's gradients, one image after the other."""
    found = []
    for one in image:
        with tf.GradientTape() as tape:
            tape.watch(one)
            score = link(model.critic(one[None])[0, 0])
        found.append(np.sum(np.square(tape.gradient(score, one))))
    return np.array(found)


def test_the_zero_centred_penalty_is_of_real_and_made_images():
    model = make(loss="relativistic", penalty="zero_centred", penalty_weight=3.0)
    found = terms_of(model, "critic")
    real = norms(model, tf.unstack(descriptors.batch()["image"]))
    made = norms(model, tf.unstack(made_by(model)))
    np.testing.assert_allclose(found["penalty"], 0.5 * (real + made), rtol=1e-4)
    np.testing.assert_allclose(found["gradient_norm"], np.sqrt(real), rtol=1e-4)
    assert descriptors.update(model, "critic").weights["penalty"] == 3.0


def test_the_penaltys_weight_follows_a_cosine():
    given = {"penalty_weight": 3.0, "penalty_end": 1.0, "penalty_steps": 4}
    weight = descriptors.update(
        make(penalty="zero_centred", **given), "critic"
    ).weights["penalty"]
    found = [float(weight(tf.constant(step))) for step in (0, 1, 2, 4, 9)]
    expected = [3.0, 2.0 + np.cos(np.pi / 4), 2.0, 1.0, 1.0]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("penalty", ["interpolated", "perturbed"])
@pytest.mark.parametrize("on_probability", [False, True])
def test_one_centred_penalties_are_taken_where_their_papers_say(
    penalty, on_probability
):
    model = make(penalty=penalty, on_probability=on_probability)
    image, seed = descriptors.batch()["image"], seeds.split(0, 2)[1]
    if penalty == "interpolated":
        point = gradient_penalty.between(image, made_by(model), seed=seed)
    else:
        point = gradient_penalty.around(image, seed=seed)
    link = tf.sigmoid if on_probability else lambda score: score
    squared = norms(model, tf.unstack(point), link=link)
    expected = (np.sqrt(1e-4 + squared) - 1) ** 2
    found = terms_of(model, "critic")["penalty"]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def fitted(model, *, count=24, epochs=1, batch_size=8, **settings):
    """Trains a model, and returns the updates of each player's optimiser."""
    made = optimizers.make(
        model.stages(), options=options.Optimizers(**settings), batches_per_epoch=3
    )
    trainer = loop.Loop(
        model,
        descriptors.images(count),
        options=options.Training(epochs={"": epochs}, batch_size=batch_size),
        optimizers=made,
    )
    trainer.run()
    return {
        name.removeprefix("joint/"): int(item.keras.iterations.numpy())
        for name, item in made.items()
    }


def test_turns_of_the_critic_leave_as_many_fewer_to_the_generator():
    assert fitted(make(), count=48) == {"critic": 6, "generator": 6}
    assert fitted(make(disc_iters=3), count=48) == {"critic": 6, "generator": 2}


def largest(layer):
    return [float(np.abs(v).max()) for v in layer.trainable_variables]


def test_clipping_bounds_every_weight_of_the_critic_and_none_of_the_generator():
    model = make(
        loss="wasserstein",
        clip=0.02,
        critic_norm="batch",
        network={"name": "infogan", "filters": 4, "hidden": 8},
    )
    assert min(largest(model.critic)) > 0.02  # perturbed, and not yet trained
    names = " ".join(v.path for v in model.critic.trainable_variables)
    assert all(word in names for word in ("kernel", "bias", "gamma", "beta"))
    fitted(model)
    assert max(largest(model.critic)) <= np.float32(0.02)
    assert min(largest(model.decoder)) > 0.02


def gradients(model, update, layer):
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(next(iter(terms_of(model, update).values())))
    return tape.gradient(value, [v.value for v in layer.trainable_variables])


def test_each_player_moves_alone_and_the_verdict_reaches_the_generator():
    model = make()
    (joint,) = model.stages()
    owned = {
        update.name: {id(v) for group in update.groups for v in group.variables}
        for update in joint.updates
    }
    assert list(owned) == ["critic", "generator"]
    assert owned["critic"] == {id(v) for v in model.critic.trainable_variables}
    assert owned["generator"] == {id(v) for v in model.decoder.trainable_variables}
    for update, layer in (("critic", model.critic), ("generator", model.decoder)):
        found = gradients(model, update, layer)
        assert all(np.abs(gradient).max() > 0 for gradient in found)


def test_noise_is_shared_where_it_is_said():
    for shared in (False, True):
        (joint,) = make(shared_noise=shared).stages()
        batch = joint.inferred(descriptors.batch(), seed=seeds.make(5))
        assert ("z" in batch) == shared
    model = make(shared_noise=True)
    made = model.made(batch, seed=seeds.make(1), training=False)
    np.testing.assert_allclose(made, model.decode(batch["z"]), atol=1e-6)


@pytest.mark.parametrize("shared", [False, True])
def test_images_of_shared_noise_are_made_once_a_batch(shared, monkeypatch):
    """The moving averages of the generator's moments count the calls."""
    network = {"name": "infogan", "filters": 4, "hidden": 8}
    model = make(network=network, shared_noise=shared)
    calls, decode = [], model._decode

    def counted(z, *, training):
        calls.append(training)
        return decode(z, training=training)

    monkeypatch.setattr(model, "_decode", counted)
    (joint,) = model.stages()
    stages.evaluate(joint, descriptors.batch(), seed=seeds.make(0))
    assert calls == [False] * (1 if shared else 2)


@pytest.mark.parametrize(
    ("noise", "deviation"), [("normal", 1.0), ("uniform", 3**-0.5)]
)
def test_noise_has_the_distribution_that_is_asked_for(noise, deviation):
    drawn = make(noise=noise).draws(4000, seed=0).numpy()
    assert np.std(drawn) == pytest.approx(deviation, rel=0.03)
    assert np.mean(drawn) == pytest.approx(0.0, abs=0.05)
    assert (np.abs(drawn).max() <= 1.0) == (noise == "uniform")


def kinds_of(layer):
    return {type(inner).__name__ for inner in layer._flatten_layers()}


def test_critics_are_normalised_as_they_are_told():
    network = {"name": "infogan", "filters": 4, "hidden": 8}
    for norm, word in (("batch", "BatchNorm"), ("spectral", "SpectralNormalized")):
        found = kinds_of(make(network=network, critic_norm=norm).critic)
        assert found & {"BatchNorm", "SpectralNormalized"} == {word}
    plain = make(network=network).critic
    assert not kinds_of(plain) & {"BatchNorm", "SpectralNormalized"}
    # What a normalisation would have taken off is there again.
    assert len([v for v in plain.trainable_variables if "bias" in v.path]) == 4


def test_critics_of_spectral_norm_are_steep_by_one_at_most():
    model = make(critic_norm="spectral", network={"name": "mlp", "hidden": (12, 9)})
    for _ in range(30):
        model.critic(descriptors.batch()["image"], training=True)
    image = tf.unstack(descriptors.batch(20)["image"])
    assert np.sqrt(norms(model, image)).max() <= 1.0 + 1e-3


def test_users_critics_are_taken_and_saved(tmp_path):
    own = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    model = make(critic=own)
    assert [v.path for v in model.critic.trainable_variables][0].startswith("critic/")
    model.save(tmp_path / "m.keras")
    image = descriptors.batch()["image"]
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.score(image), model.score(image))


def test_critics_may_be_of_another_family():
    model = make(critic={"name": "dcgan", "filters": 4, "max_filters": 8})
    assert "LeakyReLU" in kinds_of(model.critic)
    assert not kinds_of(model.decoder) & {"LeakyReLU", "BatchNorm"}


@pytest.mark.parametrize("norm", ["none", "batch", "spectral"])
@pytest.mark.parametrize(
    ("network", "after"),
    [
        ({"name": "infogan", "filters": 4, "hidden": 8}, "dense_2"),
        ({"name": "mlp", "hidden": (12, 9)}, "dense_1"),
        ({"name": "dcgan", "filters": 4, "max_filters": 8}, "conv_0"),
    ],
)
def test_critics_see_how_much_the_images_of_a_batch_differ(network, norm, after):
    model = make(network=network, critic_deviation=True, critic_norm=norm)
    names = [layer.name for layer in model.critic.layers]
    assert names[names.index("deviation") + 1] == after
    image = descriptors.batch()["image"]
    alone = tf.concat([model.score(one[None]) for one in image], 0)
    assert np.abs(alone - model.score(image)).max() > 1e-4
    other = make(network=network, critic_norm=norm)
    alone = tf.concat([other.score(one[None]) for one in image], 0)
    np.testing.assert_allclose(alone, other.score(image), atol=1e-5)


INFOGAN = {"name": "infogan", "filters": 4, "hidden": 8}


_FREE = {"loss": "wasserstein", "penalty": "interpolated"}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"disc_iters": 0}, "disc_iters"),
        ({"disc_iters": 33}, "at most 32"),
        ({"penalty_weight": -1.0}, "penalty_weight"),
        ({"penalty": "zero_centred", "penalty_end": -1.0}, "penalty_end"),
        ({"penalty": "zero_centred", "penalty_steps": -1}, "penalty_steps"),
        ({"penalty": "zero_centred", "penalty_end": 0.1}, "--penalty_steps"),
        ({"clip": -0.01}, "clip"),
        ({"clip": float("nan")}, "clip"),
        ({"loss": "least_square"}, "least_squares"),
        ({"loss": "wasserstein"}, "--clip"),
        ({**_FREE, "penalty_weight": 0.0}, "stays above 0"),
        ({**_FREE, "penalty_steps": 5, "penalty_end": 0.0}, "stays above 0"),
        ({**_FREE, "penalty_steps": 5}, "Set --penalty_end"),
        ({"penalty_steps": 5, "penalty_end": 0.1}, "that of a penalty"),
        ({"penalty_weight": 5.0}, "that of a penalty.*--penalty_weight=10.0 for none"),
        ({"on_probability": True}, "on_probability"),
        ({"noise": "gaussian"}, "normal"),
        ({"critic_norm": "layer"}, "critic_norm"),
        ({"network": {**INFOGAN, "slope": -0.2}}, "slope"),
        (
            {"network": INFOGAN, "critic_norm": "batch", "penalty": "interpolated"},
            "couple",
        ),
        (
            {"network": INFOGAN, "critic_norm": "batch", "penalty": "perturbed"},
            "couple",
        ),
        ({"critic_deviation": True, "penalty": "zero_centred"}, "nocritic_deviation"),
        (
            {
                "critic_deviation": True,
                "critic": {"name": "ladder", "latent_dims": (3, 2), "filters": 4},
                "image_shape": (10, 12, 1),
            },
            "sequence",
        ),
    ],
)
def test_bad_options_are_refused(changes, word):
    with pytest.raises(errors.UserError, match=word) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "norm", "word"),
    [
        (keras.layers.Dense(2), "none", r"one score.*returns \[batch, 2\]"),
        (keras.layers.Lambda(lambda x: x[:, 0]), "none", r"one score.*\[batch\]"),
        (keras.layers.Reshape((8, 8, 1)), "none", r"one score.*\[batch, 8, 8, 1\]"),
        (keras.layers.Dense(1), "spectral", "critic_norm"),
        (keras.layers.Dense(1, "sigmoid"), "none", "score, any number.*in sigmoid"),
    ],
)
def test_users_critics_that_do_not_fit_are_refused(layer, norm, word):
    own = keras.Sequential([keras.layers.Flatten(), layer])
    with pytest.raises(errors.UserError, match=word) as caught:
        make(critic=own, critic_norm=norm)
    assert "\n" not in str(caught.value)


def own_critic(wrap=lambda layer: layer, **kwargs):
    return keras.Sequential(
        [keras.layers.Flatten(), wrap(keras.layers.Dense(1, **kwargs))]
    )


def test_clipping_leaves_a_users_constraints_as_they_are():
    own = own_critic(kernel_constraint="non_neg")
    model = make(loss="wasserstein", clip=0.02, critic=own)
    fitted(model)
    kernel, bias = own.trainable_variables
    assert isinstance(kernel.constraint, keras.constraints.NonNeg)
    assert bias.constraint is None
    assert 0.0 <= np.min(kernel) < np.max(kernel) <= np.float32(0.02)


def test_a_users_critic_of_spectral_norm_bounds_a_wasserstein_loss():
    spectral = keras.layers.SpectralNormalization
    make(loss="wasserstein", critic=own_critic(spectral))
    mixed = keras.Sequential([spectral(keras.layers.Conv2D(2, 3)), own_critic()])
    with pytest.raises(errors.InvalidValue, match="must be bound"):
        make(loss="wasserstein", critic=mixed)


@pytest.mark.parametrize("penalty", ["interpolated", "perturbed", "zero_centred"])
def test_a_critic_without_a_slope_makes_no_nan(penalty):
    model = make(penalty=penalty, critic=own_critic(kernel_initializer="zeros"))
    model.critic.layer.trainable_variables[0].assign(tf.zeros([64, 1]))
    assert all(np.isfinite(g).all() for g in critic_slopes(model))


def critic_slopes(model):
    update = descriptors.update(model, "critic")
    with tf.GradientTape() as tape:
        found = update.terms(descriptors.batch(), seed=seeds.make(0), training=True)
        means = {name: tf.reduce_mean(value) for name, value in found.items()}
        loss = step.weighted_sum(means, weights=update.weights, step=tf.constant(0))
    return tape.gradient(loss, [v.value for v in model.critic.trainable_variables])


def test_users_critics_have_the_statistic_by_themselves():
    own = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    with pytest.raises(errors.Unsupported, match="MinibatchDeviation"):
        make(critic=own, critic_deviation=True)


# Eight Gaussians in the plane, as images of two pixels.

EIGHT = 0.5 + 0.35 * np.stack(
    [np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1
)
DEVIATION = 0.02


def eight_gaussians(count=4096):
    generator = np.random.default_rng(0)
    points = EIGHT[generator.integers(0, 8, count)]
    points = points + DEVIATION * generator.normal(size=points.shape)
    pixels = np.round(255 * points).astype(np.uint8).reshape(count, 1, 2, 1)
    return image_set.ImageSet("eight", "train", pixels, source="generator")


def counts_near(points):
    """The number of points within four deviations of each Gaussian, and the rest's."""
    distance = np.linalg.norm(points[:, None] - EIGHT, axis=2)
    near = distance.min(axis=1) < 4 * DEVIATION
    return np.bincount(distance.argmin(axis=1)[near], minlength=8), np.sum(~near)


def trained_on_eight(**settings):
    keras.utils.set_random_seed(0)
    model = gan.GAN(
        (1, 2, 1),
        latent_dim=4,
        network={"name": "mlp", "hidden": (64, 64)},
        loss="relativistic",
        penalty="zero_centred",
        penalty_weight=0.02,
    )
    settings = {"learning_rate": {"": 1e-3}, "beta_1": {"": 0.0}, **settings}
    made = optimizers.make(
        model.stages(), options=options.Optimizers(**settings), batches_per_epoch=32
    )
    trainer = loop.Loop(
        model,
        eight_gaussians(),
        options=options.Training(epochs={"": 40}, batch_size=128),
        optimizers=made,
    )
    trainer.run()
    return counts_near(model.sample(2000, seed=0).numpy().reshape(-1, 2))


def test_a_gan_finds_all_eight_gaussians():
    counts, elsewhere = trained_on_eight()
    assert counts.min() > 40
    assert elsewhere < 800


def test_a_gan_whose_critic_does_not_learn_finds_none():
    """The same, broken on purpose: what a critic never learns, no generator does."""
    counts, _ = trained_on_eight(learning_rate={"": 1e-3, "critic": 1e-9})
    assert counts.min() == 0
