# SPDX-License-Identifier: Apache-2.0
"""What makes WAE-MMD what it is: the penalty, the pretraining, and their options."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors, seeds
from glf_tf.models import wae_mmd
from glf_tf.training import loop, optimizers, options, step
from tests import descriptors
from tests.unit.objectives import test_divergences


def make(**changes):
    spec = {**descriptors.MODELS["wae_mmd"], **changes}
    made = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
    descriptors.perturb(made)
    return made


def terms_of(model, update="joint", *, training=True, seed=0):
    return descriptors.update(model, update).terms(
        descriptors.batch(), seed=seeds.make(seed), training=training
    )


def test_terms_agree_with_numpy():
    model = make(prior_scale=1.5)
    terms = terms_of(model)
    image = descriptors.batch()["image"].numpy()
    z = model.encode(image).numpy()
    error = np.sum((image - model.decode(z).numpy()) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(terms["reconstruction"], error, rtol=1e-5)
    drawn = model.prior.sample(6, seed=seeds.split(0, 2)[1]).numpy()
    expected = test_divergences.slow_mmd(z, drawn, prior_scale=1.5)
    np.testing.assert_allclose(terms["mmd"], expected, rtol=1e-4)


def test_weights_are_those_of_the_authors_unless_told():
    model = wae_mmd.WAEMMD((8, 8, 1), latent_dim=4)
    assert descriptors.update(model, "joint").weights == {
        "reconstruction": 0.05,
        "mmd": 10.0,
    }
    assert descriptors.update(make(), "joint").weights == {
        "reconstruction": 1.0,
        "mmd": 2.0,
    }


def test_penalty_reaches_the_encoder_and_not_the_decoder():
    model = make()
    with tf.GradientTape() as tape:
        value = terms_of(model)["mmd"]
    encoder, decoder = tape.gradient(
        value,
        [
            [v.value for v in layer.trainable_variables]
            for layer in (model.encoder, model.decoder)
        ],
    )
    assert all(np.abs(gradient).max() > 0 for gradient in encoder)
    assert all(gradient is None for gradient in decoder)


def test_noise_is_added_to_training_images_alone():
    model = make(input_noise=0.1)
    clean = model.encode(descriptors.batch()["image"])
    codes = {
        training: model.code(
            descriptors.batch()["image"], seed=seeds.make(0), training=training
        )
        for training in (False, True)
    }
    np.testing.assert_array_equal(codes[False], clean)
    assert np.abs(codes[True] - clean).max() > 1e-3


def test_noise_has_the_scale_and_is_truncated():
    model = make(input_noise=0.1)
    model._encode = lambda image, training: image
    image = tf.zeros([200, *descriptors.IMAGE_SHAPE])
    noise = model.code(image, seed=seeds.make(0), training=True).numpy()
    assert np.abs(noise).max() <= 0.2
    # The standard deviation of a normal truncated at two of them is 0.8796.
    np.testing.assert_allclose(noise.std(), 0.08796, rtol=0.02)


def test_pretraining_matches_the_moments_of_the_prior():
    model = make(prior_scale=1.5)
    pretrain, joint = model.stages()
    assert (pretrain.name, pretrain.max_steps, joint.name) == ("pretrain", 200, "joint")
    trainer = step.StageTrainer(
        model,
        pretrain,
        optimizers=optimizers.make(
            model.stages(),
            options=options.Optimizers(learning_rate={"": 1e-2}),
            batches_per_epoch=10,
        ),
        seed=0,
    )
    batch = descriptors.batch(48)
    batches = tf.data.Dataset.from_tensors(batch).repeat()
    trainer.run(iter(batches), first_step=0, steps=200)
    z = model.encode(batch["image"]).numpy()
    assert np.abs(z.mean(axis=0)).max() < 0.05
    np.testing.assert_allclose(np.cov(z, rowvar=False), 2.25 * np.eye(4), atol=0.05)


def test_without_pretraining_there_is_one_stage():
    assert [stage.name for stage in make(pretrain=False).stages()] == ["joint"]


def test_samples_are_decoded_draws_of_the_scaled_prior():
    model = make(prior_scale=3.0)
    noise = tf.random.stateless_normal([5, 4], seed=[1, 0])
    expected = model.decode(3.0 * noise)
    np.testing.assert_allclose(model.sample(5, seed=1), expected, atol=1e-6)


def test_divergence_names_term_stage_and_step():
    """Codes whose squares overflow: no learning rate that is allowed makes them."""
    model = make(pretrain=False)
    for variable in model.encoder.trainable_variables:
        variable.assign(1e12 * variable)
    trainer = loop.Loop(
        model,
        descriptors.images(),
        options=options.Training(epochs={"": 1}, batch_size=8),
        optimizers=optimizers.make(
            model.stages(), options=options.Optimizers(), batches_per_epoch=6
        ),
    )
    with pytest.raises(loop.NonFinite, match=r"mmd=nan at step 1 \(stage joint\)"):
        trainer.run()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"reconstruction_weight": 0.0}, "reconstruction_weight"),
        ({"reconstruction_weight": float("inf")}, "reconstruction_weight"),
        ({"weight": -1.0}, "`weight`"),
        ({"prior_scale": 0.0}, "prior_scale"),
        ({"input_noise": -0.1}, "input_noise"),
    ],
)
def test_bad_options_are_refused(changes, word):
    with pytest.raises(errors.InvalidValue, match=word):
        make(**changes)


def test_a_batch_of_one_is_refused():
    model = make()
    for update in ("pretrain", "joint"):
        with pytest.raises(errors.InvalidValue, match="batch of 1"):
            descriptors.update(model, update).terms(
                descriptors.batch(1), seed=seeds.make(0), training=True
            )
