# SPDX-License-Identifier: Apache-2.0
"""What makes WAE-GAN what it is: its critic, the two players, and their options."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn import metrics

from glf_tf import catalogue, errors, seeds
from glf_tf.models import wae_gan
from glf_tf.training import loop, optimizers, options
from tests import descriptors


def make(**changes):
    spec = {**descriptors.MODELS["wae_gan"], **changes}
    made = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    descriptors.perturb(made)
    return made


def terms_of(model, update):
    return descriptors.update(model, update).terms(
        descriptors.batch(), seed=seeds.make(0), training=True
    )


def log_loss(logits, label):
    """Scikit-learn's cross entropy in nats of logits that all have one label."""
    probability = 1 / (1 + np.exp(-np.float64(logits)))
    labels = np.full(len(logits), label)
    return metrics.log_loss(labels, probability, labels=[0, 1])


@pytest.mark.parametrize("prior_trick", [False, True])
def test_terms_are_cross_entropies(prior_trick):
    model = make(prior_trick=prior_trick, prior_scale=1.5)
    z = model.encode(descriptors.batch()["image"]).numpy()
    drawn = model.prior.sample(6, seed=seeds.split(0, 2)[1]).numpy()
    logits = {
        name: model.critic(points).numpy()[:, 0]
        + prior_trick
        * stats.multivariate_normal(np.zeros(4), 2.25 * np.eye(4)).logpdf(points)
        for name, points in (("code", z), ("prior", drawn))
    }
    critic, encoder = terms_of(model, "critic"), terms_of(model, "autoencoder")
    for value, expected in (
        (critic["critic_prior"], log_loss(logits["prior"], 1)),
        (critic["critic_code"], log_loss(logits["code"], 0)),
        (encoder["adversarial"], log_loss(logits["code"], 1)),
    ):
        assert value.shape == [6]
        np.testing.assert_allclose(np.mean(value), expected, rtol=1e-4)


def test_weights_are_those_of_the_authors_unless_told():
    model = wae_gan.WAEGAN((8, 8, 1), latent_dim=4)
    assert descriptors.update(model, "critic").weights == {
        "critic_prior": 10.0,
        "critic_code": 10.0,
    }
    autoencoder = descriptors.update(model, "autoencoder")
    assert autoencoder.weights == {"reconstruction": 0.05, "adversarial": 10.0}


def test_critic_moves_first_and_each_player_moves_alone():
    pretrain, joint = make().stages()
    assert (pretrain.name, pretrain.max_steps) == ("pretrain", 200)
    players = [(update.name, update.groups[0].name) for update in joint.updates]
    assert players == [("critic", "critic"), ("autoencoder", "autoencoder")]
    assert len(make(pretrain=False).stages()) == 1


def gradients(model, update, term, layer):
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(terms_of(model, update)[term])
    return tape.gradient(value, [v.value for v in layer.trainable_variables])


def test_verdict_reaches_the_encoder_and_not_the_decoder():
    model = make()
    encoder = gradients(model, "autoencoder", "adversarial", model.encoder)
    assert all(np.abs(gradient).max() > 0 for gradient in encoder)
    decoder = gradients(model, "autoencoder", "adversarial", model.decoder)
    assert all(gradient is None for gradient in decoder)


def test_encoder_moves_codes_to_where_the_critic_sees_draws():
    """Its gradient does not vanish where the critic is sure, unlike log(1 - D)."""
    model = make()
    last = model.critic.layers[-1]
    last.bias.assign(last.bias - 40.0)  # sure that all are codes
    for gradient in gradients(model, "autoencoder", "adversarial", model.encoder):
        assert np.abs(gradient).max() > 1e-3


@pytest.mark.parametrize("prior_trick", [False, True])
def test_best_critic_is_the_logarithm_of_the_densities_ratio(prior_trick):
    """Codes from N(1, 1), draws from N(0, 2^2): log p - log q is known."""
    model = make(
        latent_dim=1, prior_scale=2.0, prior_trick=prior_trick, critic_width=64
    )
    optimizer = keras.optimizers.Adam(3e-3)

    @tf.function
    def learn(step):
        z_seed, prior_seed = seeds.split(seeds.fold(0, step), 2)
        z = 1.0 + tf.random.stateless_normal([512, 1], seed=z_seed)
        drawn = model.prior.sample(512, seed=prior_seed)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(
                tf.nn.softplus(-model.logit(drawn)) + tf.nn.softplus(model.logit(z))
            )
        variables = model.critic.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    for step in range(500):
        learn(tf.constant(step))
    points = np.linspace(-1.0, 3.0, 9, dtype=np.float32)
    expected = stats.norm(0, 2).logpdf(points) - stats.norm(1, 1).logpdf(points)
    # Learned from noise: a tenth of the ratio's range, which is 2.3 nats.
    np.testing.assert_allclose(model.logit(points[:, None]), expected, atol=0.25)


def test_critic_has_the_size_of_the_paper():
    model = wae_gan.WAEGAN((28, 28, 1), latent_dim=20)
    shapes = [tuple(v.shape) for v in model.critic.trainable_variables if v.ndim == 2]
    assert shapes == [(20, 512), (512, 512), (512, 512), (512, 512), (512, 1)]


def test_divergence_names_the_critic_the_stage_and_the_step():
    """Weights that overflow: no learning rate that is allowed makes them."""
    model = make(pretrain=False)
    for variable in model.critic.trainable_variables:
        variable.assign(1e20 * variable)
    trainer = loop.Loop(
        model,
        descriptors.images(),
        options=options.Training(epochs={"": 1}, batch_size=8),
        optimizers=optimizers.make(
            model.stages(), options=options.Optimizers(), batches_per_epoch=6
        ),
    )
    with pytest.raises(loop.NonFinite) as caught:
        trainer.run()
    received = caught.value.received
    assert received.startswith("critic_")
    assert "at step 1 (stage joint)" in received


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"reconstruction_weight": -1.0}, "reconstruction_weight"),
        ({"weight": -1.0}, "`weight`"),
        ({"weight": 0.0}, "wae_mmd"),
        ({"prior_scale": -1.0}, "prior_scale"),
        ({"input_noise": -0.1}, "input_noise"),
        ({"critic_width": 0}, "critic_width"),
        ({"critic_depth": 0}, "critic_depth"),
    ],
)
def test_bad_options_are_refused(changes, word):
    with pytest.raises(errors.InvalidValue, match=word):
        make(**changes)
