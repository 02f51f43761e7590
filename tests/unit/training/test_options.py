# SPDX-License-Identifier: Apache-2.0
"""Settings by group and by stage, and what is refused."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from keras.optimizers import schedules

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


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"learning_rate": {"": "1e-3"}}, "must be a number. Received: .*'1e-3'"),
        ({"learning_rate": {"": None}}, "must be a number. Received: .*None"),
        ({"learning_rate": {"": np.nan}}, "must be finite"),
        ({"learning_rate": {"": 1e-3, 1: 1e-3}}, "by the name of a group"),
        ({"learning_rate": {"": 1e-3, 0: 1e-3}}, "by the name of a group"),
        (
            {"learning_rate": {"": schedules.ExponentialDecay(1e-3, 10, 0.9)}},
            "must be a number. .*decay_every",
        ),
        ({"decay_at": {"": "3:0.5"}}, r"EPOCH:FACTOR. .*decay_at=\{30: 0.5\}"),
        ({"decay_at": {3: "0.5"}}, "must be a number"),
    ],
)
def test_a_setting_of_another_type_is_refused_in_one_line(settings, words):
    with pytest.raises(errors.UserError, match=words) as caught:
        options.Optimizers(**settings)
    assert "\n" not in str(caught.value)


def test_settings_can_be_numbers_of_numpy_and_epochs_whole_numbers():
    found = options.Optimizers(
        decay_at={3: np.float32(0.5)}, learning_rate={"": np.float32(0.5)}
    )
    same = options.Optimizers(decay_at={"3": 0.5}, learning_rate={"": 0.5})
    assert found == same
    assert json.loads(json.dumps(dataclasses.asdict(found))) == dataclasses.asdict(same)


def test_epochs_by_stage():
    training = options.Training(epochs={"": 5, "flow": 2}, batch_size=8)
    training.check(["autoencoder", "flow"])
    assert (training.epochs_of("autoencoder"), training.epochs_of("flow")) == (5, 2)


@pytest.mark.parametrize("epochs", [2, np.int64(2), {"": np.int64(2)}])
def test_epochs_are_whole_numbers_also_of_numpy(epochs):
    training = options.Training(epochs, batch_size=np.int32(8), seed=np.int64(3))
    assert json.loads(json.dumps(dataclasses.asdict(training))) == {
        "epochs": {"": 2},
        "batch_size": 8,
        "seed": 3,
        "jit_compile": False,
        "gradient_norms": False,
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": {0: 1}}, "`epochs` must be set by the name of a stage"),
        ({"epochs": {}}, "`epochs` must be set by the name of a stage"),
        *(({"epochs": e}, "Epochs must be whole") for e in (2.5, None, "3", [1])),
        ({"batch_size": "8"}, "`batch_size` must be a whole number"),
        ({"batch_size": 2.5}, "`batch_size` must be a whole number"),
        ({"batch_size": 0}, "at least one example"),
        *(({"seed": s}, "`seed` must be a whole") for s in (None, "0", (1, 2), 1.5)),
        ({"seed": -1}, "between 0"),
    ],
)
def test_bad_settings_of_training_are_refused_in_one_line(settings, words):
    with pytest.raises(errors.UserError, match=words) as caught:
        options.Training(**{"epochs": 1, "batch_size": 8} | settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("epochs", "word"), [({"": 5, "flaw": 2}, "flow"), ({"": -1}, "between 0")]
)
def test_bad_epochs_are_refused(epochs, word):
    with pytest.raises(errors.InvalidValue, match=word):
        options.Training(epochs=epochs, batch_size=8).check(["autoencoder", "flow"])
