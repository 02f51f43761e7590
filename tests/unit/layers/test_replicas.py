# SPDX-License-Identifier: Apache-2.0
"""What replicas compute together, and what XLA makes of it."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import catalogue, errors
from glf_tf.devices import strategies
from glf_tf.layers import replicas
from glf_tf.training import step
from tests import descriptors
from tests.conformance import test_models

JOINED = ("glf_convolutional", "began", "image_flow_real_nvp")
"""Models of which replicas exchange means and variances, a number, or moments."""


@pytest.mark.parametrize(("name", "expected"), [("one_device", 1), ("mirrored", 2)])
def test_means_are_of_all_replicas(name, expected):
    assert replicas.count() == 1
    strategy, counted = strategies.strategy(name), []

    @tf.function(autograph=False)
    def run():
        counted.append(replicas.count())
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        own = tf.cast(tf.convert_to_tensor(replica), tf.float32)
        return replicas.mean(tf.stack([own, 10.0 * own]))

    found = strategy.experimental_local_results(strategy.run(run))
    assert set(counted) == {expected}
    for values in found:
        np.testing.assert_allclose(values, [(expected - 1) / 2, 5 * (expected - 1)])


def trainer(model, *, jit_compile):
    (stage,) = model.stages()
    made = test_models.make_optimizers(model)
    return step.StageTrainer(
        model, stage, optimizers=made, seed=0, jit_compile=jit_compile
    )


@pytest.mark.parametrize("name", JOINED)
def test_what_replicas_compute_together_is_not_compiled(name):
    with strategies.strategy("mirrored").scope():
        model = descriptors.model(name)
        stage = model.stages()[0]
        made = test_models.make_optimizers(model)
        with pytest.raises(errors.Unsupported, match="jit_compile, 2 replicas") as said:
            step.StageTrainer(model, stage, optimizers=made, seed=0, jit_compile=True)
        assert "\n" not in str(said.value)


def halves():
    """A batch's images for each replica of the present strategy."""
    strategy = tf.distribute.get_strategy()
    own = descriptors.batch().items()
    count = 6 // strategy.num_replicas_in_sync
    batch = {key: value[:count] for key, value in own}
    data = tf.data.Dataset.from_tensors(batch).repeat()
    return iter(strategy.distribute_datasets_from_function(lambda _: data))


@pytest.mark.slow
@pytest.mark.parametrize("penalty", ["interpolated", "perturbed", "zero_centred"])
def test_penalties_are_compiled_on_replicas(penalty):
    """Their scores know one image each: replicas have nothing to exchange."""
    with strategies.strategy("mirrored").scope():
        spec = {**descriptors.MODELS["gan"], "penalty": penalty}
        model = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
        found = trainer(model, jit_compile=True).run(halves(), first_step=0, steps=2)
    assert found.steps == 2
    assert found.last["penalty"] > 0.0


@pytest.mark.parametrize(
    ("name", "jit_compile"),
    [("one_device", False), ("one_device", True), ("mirrored", False)],
)
def test_the_balance_of_began_moves_the_same_everywhere(name, jit_compile):
    strategy = strategies.strategy(name)
    with strategy.scope():
        options = {"clip_balance": False, "balance_rate": 0.5}
        spec = {**descriptors.MODELS["began"], **options}
        model = catalogue.build("model", spec, image_shape=descriptors.IMAGE_SHAPE)
        made, batches = trainer(model, jit_compile=jit_compile), halves()
        for count in range(3):
            before = float(model.balance.value())
            last = made.run(batches, first_step=count, steps=1).last
            gap = 0.75 * last["real_error"] - last["made_error"]
            assert last["balance"] == before
            own = strategy.experimental_local_results(model.balance.k.value)
            expected = [before + 0.5 * gap] * len(own)
            np.testing.assert_allclose(own, expected, atol=1e-6)
    assert before != 0.0
