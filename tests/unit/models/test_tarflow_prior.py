# SPDX-License-Identifier: Apache-2.0
"""TarFlow as a prior, with noise on codes, dropout and labels: training and saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.models import lfbm, lfbm_vae, rae, vae_flow_prior
from glf_tf.tasks import sample
from glf_tf.training import optimizers, options, step
from tests import descriptors

SHAPE = descriptors.IMAGE_SHAPE
PARTS = {"latent_dim": 5, "network": {"name": "mlp", "hidden": (6,)}}
FLOW = {"name": "tarflow", "blocks": 1, "token_dim": 2, "hidden": 4, "head_dim": 2}
PRIOR = {
    "name": "flow",
    "flow": {**FLOW, "dropout": 0.5},
    "smoothing": 0.1,
    "label_dropout": 0.5,
    "guidance": 2.0,
}


def made():
    return rae.RAE(SHAPE, prior=PRIOR, num_classes=10, **PARTS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model whose prior is started and moved, and its two files."""
    folder = tmp_path_factory.mktemp("saved")
    model = made()
    model.stages()[1].prepare(descriptors.images())
    descriptors.perturb(model, scale=0.1)
    model.save(folder / "model.keras")
    model.export(folder / "served")
    return model, folder


def trained(*, steps, first=0, settings=None):
    """Trains the prior on one batch; returns what is saved, optimisers included."""
    keras.utils.set_random_seed(0)
    model, batch = made(), descriptors.batch()
    stage = model.stages()[1]
    learned = optimizers.make(
        [stage], options=options.Optimizers(), batches_per_epoch=10
    )
    held = [v for each in learned.values() for v in each.keras.variables]
    held += model.variables
    for variable, value in zip(held, settings or held, strict=True):
        variable.assign(value)
    codes = {"z": model.encode(batch["image"])}
    codes |= {name: batch[name] for name in ("index", "label")}
    trainer = step.StageTrainer(model, stage, optimizers=learned, seed=0)
    batches = iter(tf.data.Dataset.from_tensors(codes).repeat())
    trainer.run(batches, first_step=first, steps=steps)
    return [np.array(variable) for variable in held]


def test_a_run_is_resumed_bit_for_bit():
    whole, half = trained(steps=4), trained(steps=2)
    resumed = trained(steps=2, first=2, settings=half)
    for expected, found in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_keras_file_has_the_prior(saved):
    model, folder = saved
    loaded = keras.saving.load_model(folder / "model.keras")
    kept = model.sample(3, seed=0, label=[1, 2, 3])
    np.testing.assert_array_equal(loaded.sample(3, seed=0, label=[1, 2, 3]), kept)
    assert loaded.prior.guidance == 2.0


def test_a_saved_model_draws_guided_and_denoised_samples(saved):
    model, folder = saved
    served = tf.saved_model.load(str(folder / "served")).signatures
    drawn = served["sample_of_labels"](
        label=tf.constant([1, 2, 3]),
        seed=tf.constant([0, 0]),
        temperature=tf.constant(1.0),
    )["image"]
    kept = model.sample(3, seed=(0, 0), label=[1, 2, 3])
    np.testing.assert_allclose(drawn, kept, atol=1e-5)


def test_a_saved_model_draws_samples_of_any_guidance(saved):
    model, folder = saved
    call = tf.saved_model.load(str(folder / "served")).signatures["sample_guided"]
    asked = {"seed": tf.constant([0, 0]), "temperature": tf.constant(1.0)}
    for guidance in (0.0, 3.0):
        asked["guidance"] = tf.constant(guidance)
        drawn = call(label=tf.constant([1, 10, 3]), **asked)["image"].numpy()
        kept = model.sample(3, seed=0, label=[1, 0, 3], guidance=guidance)
        np.testing.assert_allclose(drawn[::2], kept[::2], atol=1e-5)
        assert np.isnan(drawn[1]).all()
    for guidance in (np.inf, 1e38):
        asked["guidance"] = tf.constant(guidance, tf.float32)
        assert np.isnan(call(label=tf.constant([1]), **asked)["image"]).all()


def test_samples_of_a_task_are_guided(saved):
    model, _ = saved
    how = {"seed": 3, "labels": [1, 2, 3]}
    drawn = next(sample.sample(model, 3, guidance=3.0, **how))
    kept = model.sample(3, seed=3, label=[1, 2, 3], guidance=3.0)
    np.testing.assert_allclose(drawn, kept, atol=1e-5)
    assert np.abs(drawn - next(sample.sample(model, 3, **how))).max() > 1e-3


@pytest.mark.parametrize(
    ("guidance", "kind", "words"),
    [
        (np.nan, errors.InvalidValue, "guidance=nan"),
        (-1e38, errors.InvalidValue, "between -1,000 and 1,000"),
        (tf.constant(np.inf), errors.InvalidValue, "guidance=inf"),
        ([2.0, 1.0], errors.InvalidType, "must be a number"),
        ("much", errors.InvalidType, "guidance='much'"),
    ],
)
def test_guidance_that_is_no_finite_number_is_refused(saved, guidance, kind, words):
    with pytest.raises(kind, match=words) as said:
        saved[0].sample(3, label=7, guidance=guidance)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("name", ["glf", "glann", "image_flow_labels"])
def test_a_model_that_cannot_be_guided_refuses_it_in_a_line(name):
    model = descriptors.model(name)
    with pytest.raises(errors.Unsupported, match="guidance=2.0") as said:
        model.sample(2, guidance=2.0)
    assert "\n" not in str(said.value)
    with pytest.raises(errors.Unsupported, match="guidance=2.0"):
        next(sample.sample(model, 2, guidance=2.0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: vae_flow_prior.VAEFlowPrior(SHAPE, flow=FLOW, **PARTS),
        lambda: lfbm.LFBM(
            SHAPE, latent_dim=5, prior={"name": "flow", "flow": FLOW}, network="mlp"
        ),
        lambda: lfbm_vae.LFBMVAE(
            SHAPE, latent_dim=5, prior={"name": "flow", "flow": FLOW}, network="mlp"
        ),
    ],
)
def test_it_is_learned_together_with_codes(make):
    model = make()
    history = model.fit(descriptors.images(8).images, batch_size=8, verbose=0)
    assert all(np.isfinite(values).all() for values in history.history.values())
    assert model.sample(2, seed=0).shape == (2, *SHAPE)
