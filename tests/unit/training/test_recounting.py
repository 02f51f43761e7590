# SPDX-License-Identifier: Apache-2.0
"""Averages of weights have moments of batch normalisation of their own."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf.devices import strategies
from glf_tf.experiments import experiment, folder, restore
from glf_tf.layers import normalization
from glf_tf.training import callback, loop, moments, optimizers, options
from glf_tf.training import fitting as fitting_lib
from tests import descriptors
from tests.unit.experiments import test_experiment as runs

AVERAGED = options.Optimizers(
    ema_decay={"": 0.9}, learning_rate={"": 0.01}, optimizer={"": "sgd"}
)
NAMES = ("glf_convolutional", "gan_convolutional")


class Watch(callback.AbstractCallback):
    """Keeps all variables that it sees in the end of an epoch."""

    def __init__(self, model, uses_averages):
        super().__init__(callback.Every(epochs=1))
        self.uses_averages, self.seen, self._model = uses_averages, [], model

    @property
    def name(self):
        return f"Watch-{self.uses_averages}"

    def run(self, moment):
        del moment
        self.seen.append({v.path: np.array(v) for v in self._model.variables})


def trained(name, *, settings=AVERAGED, epochs=2):
    """A model after some epochs, and what was seen of weights and of averages."""
    keras.utils.set_random_seed(1)
    model = descriptors.model(name)
    pair = [Watch(model, is_averaged) for is_averaged in (False, True)]
    loop.Loop(
        model,
        descriptors.images(),
        options=options.Training(epochs={"": epochs}, batch_size=12),
        optimizers=optimizers.make(
            model.stages(), options=settings, batches_per_epoch=4
        ),
        callbacks=pair,
    ).run()
    return model, *(watch.seen for watch in pair)


def named(model):
    """The moving moments of a model by their paths."""
    groups = [g for s in model.stages() for u in s.updates for g in u.groups]
    return {v.path: v for group in groups for v in moments.of_group(group)}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", NAMES)
def test_moments_are_those_of_the_averages(name):
    """Many more batches in training mode hardly move them; the old ones are far off."""
    fast = dataclasses.replace(AVERAGED, learning_rate={"": 0.05})
    model, weights, _ = trained(name, settings=fast)
    recounted = {path: np.array(v) for path, v in named(model).items()}
    (stage,) = model.stages()
    for count in range(200):
        batch = descriptors.batch(12, seed=count)
        for update in stage.updates:
            update.measure(batch, seed=tf.constant([9, count]), training=True)
    limit = {path: np.array(v) for path, v in named(model).items()}
    assert limit
    gaps = [
        sum(np.abs(found[path] - value).mean() for path, value in limit.items())
        for found in (recounted, weights[-1])
    ]
    assert gaps[0] < 0.5 * gaps[1]


@pytest.mark.parametrize("name", NAMES)
def test_training_does_not_see_them(name):
    plain = dataclasses.replace(AVERAGED, ema_decay={"": 0.0})
    model, weights, averages = trained(name)
    _, expected, _ = trained(name, settings=plain)
    assert len(weights) == len(expected) == 2
    for seen, value in zip(weights, expected, strict=True):
        for path in seen:
            np.testing.assert_array_equal(seen[path], value[path], err_msg=path)
    for path in named(model):
        assert not np.array_equal(weights[-1][path], averages[-1][path]), path
    for variable in model.variables:
        np.testing.assert_array_equal(variable, averages[-1][variable.path])


def test_other_variables_that_training_moves_are_put_back():
    """Spectral norms iterate, and BEGAN's balance moves, in training alone."""
    for name in ("gan_spectral", "began_convolutional"):
        plain = dataclasses.replace(AVERAGED, ema_decay={"": 0.0})
        _, weights, _ = trained(name)
        _, expected, _ = trained(name, settings=plain)
        for path, value in expected[-1].items():
            np.testing.assert_array_equal(weights[-1][path], value, err_msg=path)


def test_a_group_without_averages_keeps_its_moments():
    settings = dataclasses.replace(AVERAGED, ema_decay={"": 0.9, "critic": 0.0})
    model, weights, averages = trained("gan_convolutional", settings=settings)
    found = set(named(model))
    own = {path for path in found if "critic" in path}
    assert 0 < len(own) < len(found)
    for path in found:
        is_same = np.array_equal(weights[-1][path], averages[-1][path])
        assert is_same == (path in own), path


def test_two_replicas_count_together():
    found = {}
    for name in ("one_device", "mirrored"):
        with strategies.strategy(name).scope():
            model, _, averages = trained("glf_convolutional", epochs=1)
        found[name] = {path: averages[-1][path] for path in named(model)}
    for path, value in found["one_device"].items():
        np.testing.assert_allclose(
            found["mirrored"][path], value, rtol=1e-3, atol=1e-5, err_msg=path
        )


def test_a_run_resumes_bit_for_bit_and_loads_what_was_measured(tmp_path, monkeypatch):
    plan = runs.make_plan("glf_convolutional", optimizers=AVERAGED)
    model = experiment.train(plan, folder.Folder(tmp_path / "whole"))
    cut = folder.Folder(tmp_path / "cut")
    runs.stop_at_call(2, monkeypatch)
    with pytest.raises(loop.Stopped):
        experiment.train(plan, cut, resume=True)
    monkeypatch.undo()
    experiment.train(plan, cut, resume=True)
    assert runs.lines(tmp_path / "whole") == runs.lines(tmp_path / "cut")
    expected = runs.variables(tmp_path / "whole")
    assert any("moving_mean_average" in name for name in expected)
    for name, value in runs.variables(tmp_path / "cut").items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
    loaded = restore.load_model(tmp_path / "cut")
    for one, other in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)


def test_keras_own_fit_counts_them_too():
    keras.utils.set_random_seed(1)
    model = descriptors.model("glf_convolutional")
    fitting_lib.fit(
        model,
        descriptors.images(),
        options=options.Training(epochs={"": 2}, batch_size=12),
        settings=AVERAGED,
        is_silent=True,
    )
    expected, _, _ = trained("glf_convolutional")
    for one, other in zip(model.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)


@pytest.mark.parametrize(
    ("momentum", "count"), [(0.0, 1), (0.9, 44), (0.99, 459), (0.9999, 500)]
)
def test_old_moments_are_forgotten(momentum, count):
    layer = normalization.BatchNorm(momentum=momentum)
    assert moments.batches_of(layer) == count


def test_steps_of_flows_have_moments_too():
    (stage,) = descriptors.model("image_flow_real_nvp").stages()
    (group,) = stage.updates[0].groups
    layers = list(moments.layers_of(group))
    assert any(type(layer).__name__ == "BatchNormStep" for layer in layers)
    assert {moments.batches_of(layer) for layer in layers} == {44}
