# SPDX-License-Identifier: Apache-2.0
"""Whole runs in miniature: what they leave, how they go on, what stops them."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from glf_tf import catalogue, errors
from glf_tf.datasets import digits
from glf_tf.devices import strategies
from glf_tf.experiments import experiment, folder, plan, restore, stopping
from glf_tf.models import glf
from glf_tf.plotting import curves
from glf_tf.training import board, loop, options
from tests import descriptors


def make_plan(
    model="glf",
    *,
    dataset="digits",
    epochs=None,
    batch_size=200,
    draw_every=0,
    export=False,
    best_by=plan.Reports.best_by,
    patience=0,
    recipe="--model=glf\n",
    **settings,
):
    reports = {"best_by": best_by, "patience": patience, "export": export}
    return plan.Plan(
        dataset=dataset,
        model={"name": "glf", **descriptors.MODELS[model]},
        training=options.Training(epochs=epochs or {"": 2}, batch_size=batch_size),
        reports=plan.Reports(log_every=3, draw_every=draw_every, **reports),
        recipe=recipe,
        flags={"model": "glf", "beta": 1.0},
        **settings,
    )


def lines(where):
    """The lines of metrics.jsonl without what depends on the machine."""
    read = [json.loads(line) for line in (where / "metrics.jsonl").open()]
    return [
        {k: v for k, v in line.items() if "examples_per_second" not in k}
        for line in read
    ]


def variables(where):
    """All variables of the newest checkpoint."""
    newest = sorted((where / "checkpoints").glob("step_*"))[-1]
    reader = tf.train.load_checkpoint(str(newest / "variables"))
    names = [n for n in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in n]
    assert len(names) > 20
    return {name: reader.get_tensor(name) for name in names}


def test_a_run_leaves_what_its_folder_promises(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(digits.Digits, "report", lambda _: ("nine digits found",))
    where = folder.Folder(tmp_path)
    model = experiment.train(make_plan(draw_every=1, export=True), where)
    assert "nine digits found\n" in capsys.readouterr().err
    for path in (
        where.flags,
        where.description,
        where.pictures / "samples.png",
        where.pictures / "reconstructions.png",
        where.pictures / "interpolations.png",
        where.saved_model / "saved_model.pb",
        where.checkpoints / "best" / "manifest.json",
    ):
        assert path.exists(), path
    loaded = restore.load_model(tmp_path)
    np.testing.assert_array_equal(loaded.sample(3, seed=1), model.sample(3, seed=1))
    served = tf.saved_model.load(str(where.saved_model)).signatures["sample"](
        num_samples=tf.constant(3),
        seed=tf.constant([1, 0]),
        temperature=tf.constant(1.0),
    )
    np.testing.assert_allclose(
        served["image"], model.sample(3, seed=1), rtol=1e-5, atol=1e-6
    )


def test_tensorboard_and_json_lines_tell_the_same(tmp_path):
    experiment.train(make_plan(draw_every=1), folder.Folder(tmp_path))
    events = {
        run: event_accumulator.EventAccumulator(
            str(tmp_path / "tensorboard" / run), size_guidance={"tensors": 0}
        ).Reload()
        for run in ("", "train", "test")
    }
    tags = {run: set(found.Tags()["tensors"]) for run, found in events.items()}
    pictures = {"samples", "reconstructions", "interpolations"}
    assert tags[""] >= {f"pictures/{name}" for name in pictures} | {"recipe"}
    assert tags[""] >= {"latents/z", "latents/noise"}
    assert tags["train"] >= {"steps/nll", "learning_rate/flow"}
    assert tags["train"] >= {"speed/examples_per_second"}
    # A term of training and of held-out images is one chart.
    terms = {"curves/nll", "curves/reconstruction"}
    assert tags["train"] >= terms == tags["test"]
    for line in lines(tmp_path):
        for name in set(line) - {"step"}:
            run, tag = board.place(name)
            found = [
                float(tf.make_ndarray(event.tensor_proto))
                for event in events[run].Tensors(tag)
                if event.step == line["step"]
            ]
            # Speeds of an interval and of an epoch that end at one step are one tag.
            assert np.any(np.isclose(found, line[name], rtol=1e-5))


def stop_at_call(number, monkeypatch):
    """Lets the run be asked to stop when it asks for the `number`-th time."""
    calls = iter(range(1, 10**6))
    monkeypatch.setattr(stopping.StopSignal, "is_set", lambda _: next(calls) >= number)


@pytest.mark.parametrize("model", ["glf_convolutional", "glf_two_stage"])
def test_a_resumed_run_equals_an_uninterrupted_one(model, tmp_path, monkeypatch):
    whole = make_plan(model, draw_every=int(model == "glf_two_stage"))
    experiment.train(whole, folder.Folder(tmp_path / "whole"))
    for stop_after in (2, 4):
        # Stops in the middle of an epoch, and of a stage.
        stop_at_call(stop_after, monkeypatch)
        with pytest.raises(loop.Stopped):
            experiment.train(whole, folder.Folder(tmp_path / "cut"), resume=True)
    monkeypatch.undo()
    experiment.train(whole, folder.Folder(tmp_path / "cut"), resume=True)
    assert len(folder.Folder(tmp_path / "cut").read()["history"]) == 1
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")
    expected = variables(tmp_path / "whole")
    for name, value in variables(tmp_path / "cut").items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def make_patient_plan(best_by="validation/nll"):
    """A plan whose flow becomes worse after a few epochs, on images held out."""
    return make_plan(
        "glf_closing",
        dataset={"name": "held_out", "count": 100},
        epochs={"": 0, "flow": 40},
        best_by=best_by,
        patience=2,
        optimizers=options.Optimizers(learning_rate={"": 0.05}, ema_decay={"": 0.5}),
    )


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A run that ends with its best weights, and its model."""
    path = tmp_path_factory.mktemp("patient")
    return path, experiment.train(make_patient_plan(), folder.Folder(path))


def test_a_stage_waits_for_its_best_weights_and_ends_with_them(patient):
    path, model = patient
    curve = curves.read(path).curve("validation/nll")
    taken = len(curve.values)
    assert 3 <= taken < 40
    assert np.argmin(curve.values[:-1]) == taken - 3
    best = curve.values[taken - 3]
    # The last line has the best weights again.
    np.testing.assert_allclose(curve.values[-1], best, rtol=1e-6)
    assert curve.values[-2] > best
    # So has the newest checkpoint, and the stage after it, which fits the noise.
    restored = restore.load_model(path, which="best").flow.trainable_variables
    newest = restore.load_model(path).flow.trainable_variables
    for mine, other, kept in zip(
        model.flow.trainable_variables, newest, restored, strict=True
    ):
        np.testing.assert_array_equal(mine, other)
        np.testing.assert_array_equal(mine, kept)


def test_a_run_with_patience_resumes_bit_for_bit(patient, tmp_path, monkeypatch):
    path, _ = patient
    cut = folder.Folder(tmp_path)
    for stop_after in (3, 4):
        stop_at_call(stop_after, monkeypatch)
        with pytest.raises(loop.Stopped):
            experiment.train(make_patient_plan(), cut, resume=True)
    monkeypatch.undo()
    for _ in range(2):  # once it is finished, nothing changes
        experiment.train(make_patient_plan(), cut, resume=True)
        assert lines(tmp_path) == lines(path)
        expected = variables(path)
        for name, value in variables(tmp_path).items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_patience_needs_a_scalar_that_is_measured(tmp_path):
    for best_by in ("", plan.Reports.best_by, "test/nll"):
        with pytest.raises(errors.InvalidValue, match="best_by"):
            experiment.train(make_patient_plan(best_by), folder.Folder(tmp_path))


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    experiment.train(make_plan(), folder.Folder(tmp_path))
    before, message = variables(tmp_path), lines(tmp_path)
    experiment.train(make_plan(), folder.Folder(tmp_path), resume=True)
    assert lines(tmp_path) == message
    for name, value in variables(tmp_path).items():
        np.testing.assert_array_equal(value, before[name])


def test_a_longer_plan_goes_on_from_a_shorter_one(tmp_path):
    experiment.train(make_plan(epochs={"": 1}), folder.Folder(tmp_path / "cut"))
    experiment.train(
        make_plan(epochs={"": 2}), folder.Folder(tmp_path / "cut"), resume=True
    )
    experiment.train(make_plan(epochs={"": 2}), folder.Folder(tmp_path / "whole"))
    expected = variables(tmp_path / "whole")
    for name, value in variables(tmp_path / "cut").items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_a_stage_that_is_over_is_not_said_to_be_trained_longer(tmp_path):
    where = folder.Folder(tmp_path)
    experiment.train(make_plan("glf_two_stage", epochs={"": 1}), where)
    before = where.description.read_bytes()
    with pytest.raises(errors.InvalidValue, match="of which .* were taken"):
        experiment.train(make_plan("glf_two_stage", epochs={"": 2}), where, resume=True)
    assert where.description.read_bytes() == before
    longer = make_plan("glf_two_stage", epochs={"": 1, "flow": 2})
    experiment.train(longer, where, resume=True)
    assert [line["epoch/nll"] for line in lines(tmp_path) if "epoch/nll" in line][1:]


def test_best_checkpoint_is_the_one_of_the_least_scalar(tmp_path):
    experiment.train(make_plan(epochs={"": 3}), folder.Folder(tmp_path))
    scores = {
        line["step"]: line["test/reconstruction"]
        for line in lines(tmp_path)
        if "test/reconstruction" in line
    }
    state = json.loads((tmp_path / "checkpoints/best/state.json").read_text())
    assert state["global_step"] == min(scores, key=scores.get)
    restore.load_model(tmp_path, which="best")


def test_a_folder_with_a_run_is_not_trained_over(tmp_path):
    experiment.train(make_plan(epochs={"": 0}), folder.Folder(tmp_path))
    with pytest.raises(errors.InvalidValue, match="--resume"):
        experiment.train(make_plan(), folder.Folder(tmp_path))


def test_another_model_does_not_go_on_with_a_run(tmp_path):
    experiment.train(make_plan(epochs={"": 0}), folder.Folder(tmp_path))
    for other, word in (
        (make_plan("glf_bernoulli"), "model.reconstruction=bernoulli after squared_er"),
        (make_plan(batch_size=100), "Received: batch_size=100 after 200"),
    ):
        with pytest.raises(
            errors.InvalidValue, match=f"must keep its model.*{word}"
        ) as caught:
            experiment.train(other, folder.Folder(tmp_path), resume=True)
        assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_a_run_goes_on_though_its_model_has_got_an_option_since(tmp_path):
    where = folder.Folder(tmp_path)
    experiment.train(make_plan(epochs={"": 0}), where)
    described = json.loads(where.description.read_text())
    del described["model"]["beta"], described["model"]["network"]["precision"]
    where.describe(described)
    experiment.train(make_plan(epochs={"": 0}), where, resume=True)


def test_data_of_another_size_leave_the_run_as_it_was(tmp_path, monkeypatch):
    experiment.train(make_plan(epochs={"": 0}), folder.Folder(tmp_path))
    described = (tmp_path / "run.json").read_text()
    monkeypatch.setattr(
        glf.GLF,
        "arguments_of",
        classmethod(lambda cls, data: {"image_shape": (8, 12, 1)}),
    )
    with pytest.raises(errors.InvalidValue, match="data of the same size"):
        experiment.train(make_plan(), folder.Folder(tmp_path), resume=True)
    assert (tmp_path / "run.json").read_text() == described


def test_a_diverged_run_says_where_and_keeps_the_batch(tmp_path, monkeypatch):
    terms = glf.GLF._joint_terms

    def diverging(self, batch, *, seed, training):
        values = terms(self, batch, seed=seed, training=training)
        # The first epoch of 7 steps is well, image 7 of the second is not.
        late = self.flow.trainable_variables[-1].value[0] != 0.0
        bad = late & tf.reduce_any(batch["index"] == 7)
        return {**values, "nll": tf.where(bad, np.nan, values["nll"])}

    monkeypatch.setattr(glf.GLF, "_joint_terms", diverging)
    with pytest.raises(errors.Diverged, match="nll=nan at step") as caught:
        experiment.train(make_plan(epochs={"": 9}), folder.Folder(tmp_path))
    (file,) = tmp_path.glob("nonfinite_step_*.npz")
    assert str(file) in str(caught.value)
    assert 7 in np.load(file)["index"]


def test_loading_without_a_run_or_a_checkpoint_is_an_error(tmp_path):
    with pytest.raises(errors.NotFound, match="run.json"):
        restore.load_model(tmp_path)
    where = folder.Folder(tmp_path)
    where.describe(descriptors.DESCRIPTION)
    with pytest.raises(errors.NotFound, match="checkpoint"):
        restore.load_model(tmp_path)


def test_a_run_can_start_from_the_weights_of_another(tmp_path):
    """The autoencoder stays as it was; the flow alone is learned anew."""
    first = experiment.train(make_plan(), folder.Folder(tmp_path / "first"))
    start = plan.Start(str(tmp_path / "first"), start_layers="encoder,decoder")
    second = experiment.train(
        make_plan("glf_closing", epochs={"joint": 0, "flow": 1}, start=start),
        folder.Folder(tmp_path / "second"),
    )
    image = descriptors.batch()["image"]
    np.testing.assert_array_equal(first.reconstruct(image), second.reconstruct(image))
    assert np.abs(first.sample(3, seed=1) - second.sample(3, seed=1)).max() > 1e-3


@pytest.mark.parametrize(
    ("before", "after", "is_kept"),
    [
        ("--start_from=a\n", "--start_from=b\n", False),
        ("--start_from=\n", "--start_from=b\n", False),
        ("--start_from=a\n", "--start_from=\n", True),
        ("--start_from=a\n", "--start_from=$HERE/a\n", True),
        ("--start_from=$HERE/a\n", "--start_from=./a\n", True),
        ("--start_from=../x/a\n", "--start_from=$HERE/x/a\n", True),
        ("--start_from=$HERE/a\n", "--start_from=$HERE/x/../b\n", False),
    ],
)
def test_a_run_that_goes_on_does_not_start_from_other_weights(
    tmp_path, monkeypatch, before, after, is_kept
):
    monkeypatch.chdir(tmp_path)
    before, after = (text.replace("$HERE", str(tmp_path)) for text in (before, after))
    where = folder.Folder(tmp_path / "run")
    run = make_plan(epochs={"": 0}, recipe=f"--model=glf\n{before}")
    experiment.train(run, where)
    again = make_plan(epochs={"": 0}, recipe=f"--model=glf\n{after}")
    if is_kept:
        experiment.train(again, where, resume=True)
        return
    with pytest.raises(errors.InvalidValue, match=r"start_from=\S*b after \S*(a|none)"):
        experiment.train(again, where, resume=True)


def test_all_layers_can_be_taken_over(tmp_path):
    first = experiment.train(make_plan(), folder.Folder(tmp_path / "first"))
    second = experiment.train(
        make_plan(epochs={"": 0}, start=plan.Start(str(tmp_path / "first"))),
        folder.Folder(tmp_path / "second"),
    )
    np.testing.assert_array_equal(first.sample(3, seed=1), second.sample(3, seed=1))
    assert restore.load_model(tmp_path / "second")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Two runs with other layers, of no epoch."""
    path = tmp_path_factory.mktemp("untrained")
    experiment.train(make_plan(epochs={"": 0}), folder.Folder(path / "first"))
    other = make_plan("glf_convolutional", epochs={"": 0})
    experiment.train(other, folder.Folder(path / "other"))
    return path


@pytest.mark.parametrize(
    ("start", "kind", "word"),
    [
        (plan.Start("missing"), errors.NotFound, "run.json"),
        (plan.Start("first", "encodr"), errors.InvalidValue, "Did you mean encoder"),
        (plan.Start("other", "decoder"), errors.InvalidValue, "same names and shapes"),
    ],
)
def test_what_to_start_from_must_be_there(
    untrained, tmp_path, monkeypatch, start, kind, word
):
    monkeypatch.chdir(untrained)
    with pytest.raises(kind, match=word):
        experiment.train(make_plan(start=start), folder.Folder(tmp_path))


def test_a_run_is_validated_on_what_is_held_out_and_never_on_test_images(tmp_path):
    digits = {"name": "held_out", "count": 100}
    run = folder.Folder(tmp_path)
    asked = {"batch_size": 128, "epochs": {"": 1}}
    experiment.train(make_plan(dataset=digits, **asked), run)
    names = curves.read(tmp_path).names
    assert "validation/nll" in names
    assert not [name for name in names if name.startswith("test/")]
    assert sorted(run.read()["data"]) == ["train", "validation"]
    assert len(restore.load_data(tmp_path, "train")) == 1333
    assert len(restore.load_data(tmp_path, "validation")) == 100
    assert len(restore.load_data(tmp_path, "test")) == 364


def test_data_of_a_run_are_found_again(tmp_path):
    experiment.train(make_plan(epochs={"": 0}), folder.Folder(tmp_path))
    data = restore.load_data(tmp_path, "test")
    expected = catalogue.build("dataset", "digits", paths=make_plan().paths)
    assert data.digest == expected.load("test").digest


def test_unknown_strategy_is_refused():
    with pytest.raises(errors.InvalidValue, match="mirrored"):
        strategies.strategy("mirored")


def test_negative_intervals_are_refused():
    with pytest.raises(errors.InvalidValue, match="save_every"):
        plan.Reports(save_every=-1)


def test_a_profile_of_some_steps_is_traced(tmp_path):
    reports = plan.Reports(draw_every=0, log_every=0, profile=3, export=False)
    asked = dataclasses.replace(make_plan(), reports=reports)
    experiment.train(asked, folder.Folder(tmp_path))
    (trace,) = tmp_path.glob("tensorboard/plugins/profile/*/*.xplane.pb")
    # A kernel of the model, by the name that it was given.
    assert b"dense_0" in trace.read_bytes()
