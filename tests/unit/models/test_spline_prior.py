# SPDX-License-Identifier: Apache-2.0
"""A neural spline flow as a prior: its start from codes, dropout, and saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf.models import glf, rae, vae_flow_prior
from glf_tf.training import optimizers, options, step
from tests import descriptors

SHAPE = (8, 8, 1)
PARTS = {"latent_dim": 3, "network": {"name": "mlp", "hidden": (6,)}}
FLOW = {"name": "neural_spline", "blocks": 1, "hidden": 4, "depth": 1, "bins": 3}
STANDARD = {**FLOW, "normalization": "standardize", "dropout": 0.5}
PRIOR = {"name": "flow", "flow": STANDARD, "components": 2}

MAKERS = {
    "glf": lambda: glf.GLF(SHAPE, flow=STANDARD, **PARTS),
    "glf_two_stage": lambda: glf.GLF(
        SHAPE, flow=STANDARD, procedure="two_stage", **PARTS
    ),
    "rae": lambda: rae.RAE(SHAPE, prior=PRIOR, **PARTS),
    "vae_flow_prior": lambda: vae_flow_prior.VAEFlowPrior(
        SHAPE, flow=STANDARD, **PARTS
    ),
}


def learning(model):
    """The stage that first trains the flow."""
    stages = [stage for stage in model.stages() if stage.updates]
    return next(stage for stage in stages if "nll" in stage.term_names)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_the_flow_starts_from_codes_before_its_first_stage(name):
    model, data = MAKERS[name](), descriptors.images()
    learning(model).prepare(data)
    flow, codes = model.prior.flow, model.encode_all(data)
    assert bool(flow.is_started.numpy())
    np.testing.assert_allclose(flow.steps[0].mean, codes.mean(0), atol=1e-5)
    np.testing.assert_allclose(flow.steps[0].deviation, codes.std(0), rtol=1e-3)
    # A later stage leaves what the flow has learned since.
    flow.steps[0].mean.assign([7.0, 7.0, 7.0])
    for stage in model.stages():
        stage.prepare(data)
    np.testing.assert_array_equal(flow.steps[0].mean, 7.0)


def trained(model, *, steps, first=0, settings=None):
    """Trains the flow on one batch; returns what is saved, optimisers included."""
    stage, batch = learning(model), descriptors.batch()
    made = optimizers.make([stage], options=options.Optimizers(), batches_per_epoch=10)
    held = [v for each in made.values() for v in each.keras.variables] + model.variables
    for variable, value in zip(held, settings or held, strict=True):
        variable.assign(value)
    codes = {"z": model.encode(batch["image"]), "index": batch["index"]}
    trainer = step.StageTrainer(model, stage, optimizers=made, seed=0)
    batches = iter(tf.data.Dataset.from_tensors(codes).repeat())
    trainer.run(batches, first_step=first, steps=steps)
    return [np.array(variable) for variable in held]


def test_a_run_with_dropout_is_resumed_bit_for_bit():
    make = MAKERS["glf_two_stage"]
    keras.utils.set_random_seed(0)
    whole = trained(make(), steps=4)
    keras.utils.set_random_seed(0)
    half = trained(make(), steps=2)
    resumed = trained(make(), steps=2, first=2, settings=half)
    for expected, found in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_keras_file_has_the_started_flow(tmp_path):
    model = MAKERS["glf_two_stage"]()
    learning(model).prepare(descriptors.images())
    descriptors.perturb(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.sample(3, seed=0), model.sample(3, seed=0))
    assert bool(loaded.flow.is_started.numpy())
