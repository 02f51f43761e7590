# SPDX-License-Identifier: Apache-2.0
"""Averages of weights: who sees them, that training does not, and what is kept."""

import contextlib
import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
from glf_tf.callbacks import drawing, reports, saving
from glf_tf.devices import strategies
from glf_tf.experiments import experiment, folder, plan, restore
from glf_tf.training import averages, callback, fitting, loop, optimizers, options
from tests import descriptors
from tests.conformance import test_models
from tests.unit.experiments import test_experiment

AVERAGED = options.Optimizers(ema_decay={"": 0.9, "flow": 0.0})


def make_plan(**settings):
    return test_experiment.make_plan(epochs={"": 1}, optimizers=AVERAGED, **settings)


def arrays_of(model):
    return {v.path: np.array(v) for v in model.variables}


class Recorder(callback.AbstractCallback):
    """Keeps the encoder's first weight whenever it runs."""

    def __init__(self, model, uses_averages):
        super().__init__(callback.Every(steps=1))
        self.uses_averages, self.seen = uses_averages, []
        self._variable = model.trainable_variables[0]

    @property
    def name(self):
        return f"Recorder-{self.uses_averages}"

    def run(self, moment):
        self.seen.append((moment.stage, np.array(self._variable)))


@pytest.fixture(scope="module")
def recorded():
    """What callbacks see in a run of two stages, with averages and without."""
    found = {}
    for decay in (0.9, 0.0):
        keras.utils.set_random_seed(0)
        model = descriptors.model("glf_two_stage")
        made = optimizers.make(
            model.stages(),
            options=options.Optimizers(ema_decay={"": decay}),
            batches_per_epoch=6,
        )
        pair = [Recorder(model, is_averaged) for is_averaged in (False, True)]
        loop.Loop(
            model,
            descriptors.images(),
            options=options.Training(epochs={"": 1}, batch_size=8),
            optimizers=made,
            callbacks=pair,
        ).run()
        found[decay] = [item.seen for item in pair]
    return found


def of_stage(seen, stage):
    return [value for name, value in seen if name == stage]


def test_callbacks_see_numpys_recursion_and_training_the_weights(recorded):
    raw, averaged = (of_stage(seen, "autoencoder") for seen in recorded[0.9])
    plain = of_stage(recorded[0.0][0], "autoencoder")
    np.testing.assert_array_equal(raw[:-1], plain[:-1])
    expected = plain[0]
    for step, (value, found) in enumerate(zip(plain, averaged, strict=True)):
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_averages_become_the_weights_when_a_stage_ends(recorded):
    raw, averaged = recorded[0.9]
    end = of_stage(averaged, "autoencoder")[-1]
    plain = of_stage(recorded[0.0][0], "autoencoder")
    np.testing.assert_array_equal(of_stage(raw, "autoencoder")[-1], plain[-1])
    assert np.abs(end - of_stage(recorded[0.0][0], "autoencoder")[-1]).max() > 1e-5
    for value in of_stage(raw, "flow"):
        np.testing.assert_array_equal(value, end)


def test_what_is_measured_and_drawn_is_of_averages_and_what_is_saved_is_not():
    see = (reports.Validation, reports.SampleQuality)
    see += (drawing.Pictures, drawing.Histograms)
    assert all(item.uses_averages for item in see)
    assert not saving.Saving.uses_averages


class Stopper(keras.callbacks.Callback):
    """Stops after the first epoch, and keeps what it sees then."""

    def on_epoch_end(self, epoch, logs=None):
        self.seen = self.model.get_weights()
        self.model.stop_training = True


def test_a_fit_that_stops_leaves_the_averages_that_callbacks_saw():
    model, stopper = descriptors.model("glf"), Stopper()
    fitting.fit(
        model,
        descriptors.images(),
        options=options.Training(epochs={"": 3}, batch_size=8),
        settings=options.Optimizers(ema_decay={"": 0.9}),
        callbacks=[stopper],
        is_silent=True,
    )
    for value, seen in zip(model.get_weights(), stopper.seen, strict=True):
        np.testing.assert_array_equal(value, seen)


def test_replicas_show_averages_and_put_weights_back():
    strategy = strategies.strategy("mirrored")
    with strategy.scope():
        model = descriptors.model("glf")
        stage, made = (
            model.stages()[0],
            test_models.make_optimizers(model, ema_decay={"": 0.5}),
        )
        assert averages.pairs(stage, made) == []
        for item in made.values():
            item.keras.iterations.assign(1)
        found = averages.pairs(stage, made)
        assert len(found) == len(model.trainable_variables)
        variable = found[0][0]
        before = np.array(tf.convert_to_tensor(variable))
        with averages.shown(found):
            for local in strategy.experimental_local_results(variable.value):
                np.testing.assert_array_equal(local, np.zeros_like(before))
        for local in strategy.experimental_local_results(variable.value):
            np.testing.assert_array_equal(local, before)
    assert np.abs(before).max() > 0


def test_variables_are_put_back_whatever_happens():
    variable, average = tf.Variable(1.0), tf.Variable(2.0)
    seen = []

    def fail():
        with averages.shown([(variable, average)]):
            seen.append(float(variable))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (seen, float(variable), float(average)) == ([2.0], 1.0, 2.0)


def test_what_a_callback_assigns_is_kept_by_weight_and_average():
    pairs = [(tf.Variable([1.0, n]), tf.Variable([2.0, n])) for n in (4.0, np.nan)]
    # A group of two updates is there twice.
    with averages.shown([*pairs, *pairs]):
        pairs[0][0].assign([2.0, 3.0])
    for variable in pairs[0]:
        np.testing.assert_array_equal(variable, [2.0, 3.0])
    np.testing.assert_array_equal(pairs[1][0], [1.0, np.nan])
    np.testing.assert_array_equal(pairs[1][1], [2.0, np.nan])


class Clipper(keras.callbacks.Callback):
    """Sets the encoder's weights to 0.5, as one that restores or clips would."""

    def on_epoch_end(self, epoch, logs=None):
        for variable in self.model.encoder.trainable_variables:
            variable.assign(tf.fill(variable.shape, 0.5))


def test_a_fit_ends_with_the_weights_that_a_callback_restored():
    model = descriptors.model("glf")
    fitting.fit(
        model,
        descriptors.images(),
        options=options.Training(epochs=1, batch_size=8),
        settings=options.Optimizers(ema_decay={"": 0.9}),
        callbacks=[Clipper()],
        is_silent=True,
    )
    for variable in model.encoder.trainable_variables:
        np.testing.assert_array_equal(variable, np.full(variable.shape, 0.5))


def test_a_run_keeps_resumes_loads_and_exports_averages(tmp_path):
    whole = folder.Folder(tmp_path / "whole")
    model = experiment.train(make_plan(export=True), whole)
    half = folder.Folder(tmp_path / "half")
    with pytest.raises(loop.Stopped):
        experiment.train(make_plan(), half, stop_at=5)

    saved = test_experiment.variables(half.path)
    suffix = "/.ATTRIBUTES/VARIABLE_VALUE"
    stored = {
        name.removesuffix(suffix).split(".S")[-1]: value
        for name, value in saved.items()
    }
    loaded = arrays_of(restore.load_model(half.path))
    encoder = [path for path in loaded if path.startswith("encoder/")]
    assert encoder
    for path in encoder:
        raw = saved[f"variables/model.S{path.replace('/', '.S')}{suffix}"]
        average = stored[f"{path.replace('/', '_')}_average"]
        np.testing.assert_array_equal(loaded[path], average)
        assert np.abs(raw - average).max() > 0

    experiment.train(make_plan(), half, resume=True)
    ends = [test_experiment.variables(item.path) for item in (whole, half)]
    assert set(ends[0]) == set(ends[1])
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name])
    for path, value in arrays_of(restore.load_model(whole.path)).items():
        np.testing.assert_array_equal(value, arrays_of(model)[path])
    served = tf.saved_model.load(str(whole.saved_model)).signatures["sample"](
        num_samples=tf.constant(3),
        seed=tf.constant([1, 0]),
        temperature=tf.constant(1.0),
    )
    np.testing.assert_allclose(
        served["image"], model.sample(3, seed=1), rtol=1e-5, atol=1e-6
    )


def test_more_epochs_go_on_as_if_the_run_had_not_ended(tmp_path):
    whole, parts = (folder.Folder(tmp_path / name) for name in ("whole", "parts"))
    longer = {"training": options.Training(epochs={"": 2}, batch_size=200)}
    model = experiment.train(dataclasses.replace(make_plan(), **longer), whole)
    experiment.train(make_plan(), parts)
    more = dataclasses.replace(make_plan(), **longer)
    again = experiment.train(more, parts, resume=True)
    ends = [test_experiment.variables(item.path) for item in (whole, parts)]
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name], err_msg=name)
    for path, value in arrays_of(model).items():
        np.testing.assert_array_equal(value, arrays_of(again)[path])


@pytest.mark.parametrize("stop_at", [0, 5])
@pytest.mark.parametrize("layers", ["", "encoder"])
def test_another_run_starts_from_averages(stop_at, layers, tmp_path):
    first, second = (folder.Folder(tmp_path / name) for name in ("first", "second"))
    with pytest.raises(loop.Stopped) if stop_at else contextlib.nullcontext():
        experiment.train(make_plan(), first, stop_at=stop_at)
    plain = test_experiment.make_plan(epochs={"": 1})
    start = plan.Start(str(first.path), layers)
    taken = {}

    class Noted(loop.Loop):
        def run(self):
            taken.update(arrays_of(self._model))
            raise loop.Stopped("before the first step")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "Loop", Noted)
        with pytest.raises(loop.Stopped):
            experiment.train(dataclasses.replace(plain, start=start), second)
    for path, value in arrays_of(restore.load_model(first.path)).items():
        if path.startswith(layers):
            np.testing.assert_array_equal(value, taken[path], err_msg=path)


@pytest.mark.parametrize(
    "changed",
    [{"ema_decay": {"": 0.0}}, {"optimizer": {"": "rmsprop"}}],
)
def test_a_checkpoint_of_another_optimiser_is_refused(changed, tmp_path):
    where = folder.Folder(tmp_path)
    with pytest.raises(loop.Stopped):
        experiment.train(make_plan(), where, stop_at=1)
    other = dataclasses.replace(
        make_plan(), optimizers=dataclasses.replace(AVERAGED, **changed)
    )
    with pytest.raises(errors.InvalidValue, match="variables"):
        experiment.train(other, where, resume=True)
