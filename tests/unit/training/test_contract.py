# SPDX-License-Identifier: Apache-2.0
"""What a model's stages must declare, and what their functions must return."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, seeds
from glf_tf.training import contract, fitting, options, schedule, stages
from glf_tf.training import step as step_lib
from tests import descriptors
from tests.unit.training import test_step

A, B = test_step.Scalar(1.0, "a"), test_step.Scalar(2.0, "b")


def terms(batch, *, seed, training):
    """The terms of an update that is fit."""
    del batch, seed, training
    return {"nll": A.value.value}


def group(name="g", layers=(A,)):
    return stages.Group(name, layers)


def update(name="one", groups=None, **changed):
    groups = (group(),) if groups is None else groups
    fit = {"terms": terms, "weights": {"nll": 1.0}}
    return stages.Update(name, groups, **(fit | changed))


def stage(name="one", updates=None, **changed):
    updates = (update(),) if updates is None else updates
    return stages.Stage(name, updates, **changed)


def named(name, term, *groups):
    return update(name, groups, weights={term: 1.0})


def shared_image(batch, *, seed, training):
    """What a stage may share."""
    return batch["image"]


REFUSED = {
    "two groups of one name": (
        lambda: stage(updates=(update(groups=(group(), group(layers=(B,)))),)),
        "distinct names. Received: two groups g",
    ),
    "one name in two updates": (
        lambda: stage(
            updates=(
                named("u", "x", group()),
                named("v", "y", group(layers=(A, B))),
            )
        ),
        "distinct names. Received: two groups g",
    ),
    "a group twice in an update": (
        lambda: stage(updates=(update(groups=(group(), group())),)),
        "distinct names. Received: two groups g",
    ),
    "a shared variable": (
        lambda: stage(updates=(update(groups=(group(), group("h", (A, B)))),)),
        "share no variable",
    ),
    "one term in two updates": (
        lambda: stage(updates=(update(), update("two"))),
        "terms of a stage must have distinct names",
    ),
    "a slash in a stage": (lambda: stage("a/b"), "name of a stage must consist"),
    "an empty stage": (lambda: stage(""), "name of a stage must consist"),
    "a colon in a group": (lambda: group("a:b"), "name of a group must consist"),
    "a number for a name": (lambda: group(3), "name of a group must consist"),
    "a layer for layers": (
        lambda: group(layers=A),
        r"of the group g must be a tuple of Layer. Received: Scalar. .*layers=\(",
    ),
    "no groups": (lambda: update(groups=()), "must have a group"),
    "a group for groups": (lambda: update(groups=group()), "groups of the update one"),
    "an update for updates": (lambda: stage(updates=update()), "updates of the stage"),
    "terms that are none": (lambda: update(terms=None), r"terms\(batch, \*, seed, tra"),
    "terms without a seed": (
        lambda: update(terms=lambda batch, *, training: {}),
        r"terms\(batch, \*, seed, training\). Received: .*'seed'",
    ),
    "no weights": (lambda: update(weights=None), "mapping from terms to numbers"),
    "no terms": (lambda: update(weights={}), "must minimise a term"),
    "weights that are zero": (lambda: update(weights={"nll": 0}), "must minimise a te"),
    "a text for a weight": (
        lambda: update(weights={"nll": "1"}),
        r"`weights\['nll'\]` must be a number",
    ),
    "a weight that is NaN": (lambda: update(weights={"nll": np.nan}), "must be finite"),
    "a weight without a step": (
        lambda: update(weights={"nll": lambda: 1.0}),
        r"\(step\)",
    ),
    "a term named loss": (lambda: update(weights={"loss": 1.0}), "must not be `loss`"),
    "a term of validation": (
        lambda: update(weights={"val_nll": 1.0}),
        "begin with `val_`",
    ),
    "no repeats": (lambda: update(repeats=0), "`repeats` must be at least 1"),
    "too many repeats": (lambda: update(repeats=33), "`repeats` must be at most 32"),
    "a half repeat": (lambda: update(repeats=1.5), "`repeats` must be a whole number"),
    "no steps": (lambda: stage(max_steps=-3), "`max_steps` must be at least 1"),
    "half a step": (lambda: stage(max_steps=1.5), "`max_steps` must be a whole number"),
    "an epoch without a seed": (
        lambda: stage(begin_epoch=lambda data: None),
        r"`begin_epoch` must be a function begin_epoch\(data, \*, seed\)",
    ),
    "a preparation of nothing": (lambda: stage(prepare=lambda: None), r"prepare\(data"),
    "arrays for a cache": (lambda: stage(cache={"z": 1}), r"cache\(data\). .*: dict"),
    "an inference of no seed": (lambda: stage(infer=lambda b: b), r"infer\(batch, \*"),
    "what is measured beside updates": (
        lambda: stage(measured={"nll": lambda batch, *, seed: 0.0}),
        "is of a stage without updates",
    ),
    "a number that is measured": (
        lambda: stage(updates=(), measured={"nll": 3.0}),
        r"batch, \*, seed",
    ),
    "a single update that shares": (
        lambda: stage(shared={"made": shared_image}),
        "of two updates or more.*Received: updates of 1 turns in the stage one",
    ),
    "a last update of two turns that shares": (
        lambda: stage(
            updates=(
                named("u", "x", group()),
                update("v", (group("h", (B,)),), repeats=2),
            ),
            shared={"made": shared_image},
        ),
        "updates of 1, 2 turns",
    ),
    "a number that is shared": (
        lambda: stage(shared={"made": 3.0}),
        r"shared\['made'\].*batch, \*, seed, training",
    ),
    "a ramp of no steps": (lambda: stages.Ramp(0.0, 0), "`steps` must be at least 1"),
    "a cosine of no steps": (
        lambda: schedule.Cosine(0.0, 1.0, 0),
        "`steps` must be at least 1",
    ),
    "a ramp from nowhere": (lambda: stages.Ramp(None, 5), "`start` must be a number"),
}
"""What each makes, and words of the message."""


@pytest.mark.parametrize("case", REFUSED)
def test_a_declaration_that_cannot_be_trained_is_refused(case):
    make, words = REFUSED[case]
    with pytest.raises(errors.UserError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_what_is_fit_is_accepted():
    same = (named("u", "x", group()), named("v", "y", group()))
    assert stage(updates=list(same)).updates == same
    assert group(layers=[A, B]).layers == (A, B)
    update(
        repeats=np.int64(2), weights={"nll": np.float32(0.5), "x": stages.Ramp(0, 9)}
    )
    stage(max_steps=np.int64(3))
    assert contract.function(max, of="f", takes="data") is max


class Declared(test_step.Toy):
    """A toy whose `stages` return what they are given."""

    def __init__(self, declared):
        super().__init__((8, 8, 1), updates=None)
        self._declare = declared

    def stages(self):
        return self._declare(self)


def fit(toy, *, settings=None, callbacks=(), **training):
    return fitting.fit(
        toy,
        descriptors.images(16),
        options=options.Training(**{"epochs": 1, "batch_size": 8} | training),
        settings=settings or options.Optimizers(),
        callbacks=callbacks,
        is_silent=True,
    )


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (lambda _: None, "stages of Declared must be a tuple of Stage. Received: None"),
        (lambda _: stage(), "must be a tuple of Stage. Received: Stage"),
        (lambda _: (), "must have a stage"),
        (lambda _: (stage(), stage()), "stages of a model must have distinct names"),
        (
            lambda _: (
                stage("a_b", (named("u", "x", group("c")),)),
                stage("a", (named("u", "x", group("b_c")),)),
            ),
            "a_b_c for both a/b_c and a_b/c",
        ),
    ],
)
def test_stages_that_cannot_be_told_apart_are_refused(declared, words):
    with pytest.raises(errors.UserError, match=words):
        fit(Declared(declared))


def test_a_stage_that_trains_no_variable_is_refused():
    toy = test_step.one_update(test_step.squared)
    toy.left.trainable = False
    with pytest.raises(errors.InvalidValue, match="must have variables"):
        test_step.run(toy)


def test_a_layer_that_is_not_built_yet_is_named():
    toy = test_step.one_update(test_step.squared)
    toy.left = keras.layers.Dense(1, name="late")
    with pytest.raises(errors.InvalidValue, match="Build its layer late"):
        test_step.run(toy)


@pytest.mark.parametrize(
    ("cached", "words"),
    [
        ([1, 2], "must return a mapping"),
        ({}, "an array or more"),
        ({"index": np.zeros(16)}, "none of which is named `index`"),
        ({"z": np.zeros([12, 2])}, r"z of shape \(12, 2\) for 16 examples in one"),
        ({"z": np.zeros([32, 2])}, "a row for each example"),
        ({"z": np.zeros([16, 2]), "y": np.zeros(5)}, r"y of shape \(5,\)"),
        ({"z": [[1.0], [1.0, 2.0]]}, "a row for each example"),
        ({"z": 3.0}, "a row for each example"),
    ],
)
def test_a_cache_has_a_row_for_each_image(cached, words):
    with pytest.raises(errors.UserError, match=words):
        stage(cache=lambda data: cached).source(descriptors.images(16))


@pytest.mark.parametrize("inferred", [None, {}, {"z": 1.0}])
def test_inference_keeps_the_batch(inferred):
    with pytest.raises(errors.InvalidValue, match="must return the batch"):
        stages.evaluate(
            stage(infer=lambda batch, *, seed: inferred),
            descriptors.batch(),
            seed=seeds.make(0),
        )


@pytest.mark.parametrize("found", [None, ("nll", 1.0), {"other": 1.0}])
def test_terms_are_those_with_weights(found):
    one = stage(updates=(update(terms=lambda batch, *, seed, training: found),))
    with pytest.raises(errors.UserError, match="`terms` of an update must return"):
        stages.evaluate(one, descriptors.batch(), seed=seeds.make(0))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros([6, 8, 8, 1], np.float32), r"float32 \(6, 8, 8, 1\) for nll in one"),
        (3, "int32"),
        (None, "None for nll in one"),
    ],
)
def test_a_term_is_a_float_for_each_image(value, words):
    found = {"nll": value}
    declared = update(terms=lambda batch, *, seed, training: found)
    with pytest.raises(errors.InvalidValue, match=words):
        declared.measure({}, seed=seeds.make(0), training=True)


@pytest.mark.parametrize("weight", [lambda step: tf.ones([3]), lambda step: None])
def test_a_weight_of_the_step_is_a_scalar(weight):
    with pytest.raises(errors.InvalidValue, match="a scalar. Received: .*term nll"):
        step_lib.weighted_sum(
            {"nll": tf.constant(1.0)}, weights={"nll": weight}, step=tf.constant(0)
        )
