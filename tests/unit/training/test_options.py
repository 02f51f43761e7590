# SPDX-License-Identifier: Apache-2.0
"""Settings by group and by stage, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.training import optimizers, options
from tests import descriptors


def make(name="glf", **settings):
    model = descriptors.model(name)
    return optimizers.make(
        model.stages(),
        options=options.Optimizers(**settings),
        batches_per_epoch=10,
    )


def test_a_group_can_have_its_own_value():
    made = make(
        learning_rate={"": 1e-3, "flow": 1e-4},
        weight_decay={"": 0.0, "flow": 2e-5},
        beta_1={"": 0.9, "flow": 0.8},
    )
    ae, flow = made["joint/autoencoder"], made["joint/flow"]
    assert (ae.keras.l2, flow.keras.l2) == (0.0, 2e-5)
    assert (ae.keras.beta_1, flow.keras.beta_1) == (0.9, 0.8)
    np.testing.assert_allclose([ae.learning_rate, flow.learning_rate], [1e-3, 1e-4])


def test_a_group_can_have_its_own_value_in_one_stage():
    rates = {"": 1e-3, "flow": 1e-4, "flow/flow": 1e-5}
    made = make("glf_closing", learning_rate=rates)
    found = {name: item.learning_rate for name, item in made.items()}
    assert found == pytest.approx(
        {"joint/autoencoder": 1e-3, "joint/flow": 1e-4, "flow/flow": 1e-5}
    )


def test_decay_counts_epochs():
    made = make(decay_every={"": 2}, decay_factor={"": 0.5})["joint/flow"]
    rates = [float(made.keras._learning_rate(step)) for step in (0, 19, 20)]
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 5e-4])


def test_decay_at_multiplies_from_its_epochs_on():
    made = make(decay_at={"3": 0.5, "5": 0.2})["joint/flow"]
    rates = [float(made.keras._learning_rate(step)) for step in (29, 30, 49, 50)]
    np.testing.assert_allclose(rates, [1e-3, 5e-4, 5e-4, 1e-4], rtol=1e-6)


def test_clip_norm_bounds_the_gradient_of_a_group():
    made = make(clip_norm={"": 1.0})["joint/flow"]
    gradients = [tf.fill(v.shape, 100.0) for v in made.variables]
    clipped = optimizers._clipped(gradients, clip_norm=1.0)
    np.testing.assert_allclose(tf.linalg.global_norm(clipped), 1.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"learning_rate": {"": 1e-3, "flo": 1e-4}}, "Did you mean flow"),
        ({"learning_rate": {"": 1e-3, "joint/flo": 1e-4}}, "Did you mean joint/flow"),
        ({"beta_2": {"": 1.5}}, "between"),
        ({"weight_decay": {"": -1.0}}, "between"),
        ({"decay_at": {"flow": 0.5}}, "EPOCH:FACTOR"),
        ({"decay_at": {"3": 2.0}}, "between"),
    ],
)
def test_bad_settings_are_refused(settings, word):
    with pytest.raises(errors.InvalidValue, match=word):
        make(**settings)


def test_epochs_by_stage():
    training = options.Training(epochs={"": 5, "flow": 2}, batch_size=8)
    training.check(["autoencoder", "flow"])
    assert (training.epochs_of("autoencoder"), training.epochs_of("flow")) == (5, 2)


@pytest.mark.parametrize(
    ("epochs", "word"), [({"": 5, "flaw": 2}, "flow"), ({"": -1}, "between 0")]
)
def test_bad_epochs_are_refused(epochs, word):
    with pytest.raises(errors.InvalidValue, match=word):
        options.Training(epochs=epochs, batch_size=8).check(["autoencoder", "flow"])
