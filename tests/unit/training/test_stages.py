# SPDX-License-Identifier: Apache-2.0
"""Stages carry functions: who calls them, in which order, and with which seeds."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, seeds
from glf_tf.training import stages
from tests import descriptors


class Noted:
    """Functions of a stage that note how they were called."""

    def __init__(self):
        self.calls = []

    def infer(self, batch, *, seed):
        self.calls.append(("infer", batch["n"], *np.asarray(seed)))
        return {**batch, "z": -batch["n"]}

    def terms(self, name):
        def of_batch(batch, *, seed, training):
            assert batch["z"] == -batch["n"]
            self.calls.append((name, batch["n"], training, *np.asarray(seed)))
            return {name: tf.constant(float(batch["n"]))}

        return of_batch

    def stage(self, **repeats):
        """A stage with an update for each keyword, which repeats so often."""
        updates = [
            stages.Update(
                name,
                (stages.Group(name, ()),),
                terms=self.terms(name),
                weights={name: 1.0},
                repeats=count,
            )
            for name, count in repeats.items()
        ]
        return stages.Stage("game", tuple(updates), infer=self.infer)


def test_each_batch_is_inferred_once_and_each_turn_has_its_batch_and_seed():
    noted, seed = Noted(), seeds.make(7)
    stage = noted.stage(critic=2, generator=1)
    batches = {(turn,): {"n": 10 + turn} for turn in range(stage.batches_per_step)}
    turns = [
        (update.name, batch["n"], *np.asarray(own))
        for update, batch, own in stages.turns(
            stage, batches, seed=seed, forward=lambda *_, **__: {}
        )
    ]
    inferred = [("infer", 10 + n, *np.asarray(seeds.fold(seed, 0, n))) for n in (0, 1)]
    assert noted.calls == inferred
    assert turns == [
        ("critic", 10, *np.asarray(seeds.fold(seed, 1, 0))),
        ("critic", 11, *np.asarray(seeds.fold(seed, 1, 1))),
        ("generator", 10, *np.asarray(seeds.fold(seed, 2, 0))),
    ]
    every = [*inferred, *turns]
    assert len({call[-2:] for call in every}) == len(every)


def test_what_is_shared_is_computed_once_a_batch_and_joins_it():
    noted, seed = Noted(), seeds.make(7)
    plain = noted.stage(critic=2, generator=1)

    def made(batch, *, seed, training):
        noted.calls.append(("made", batch["n"], training, *np.asarray(seed)))
        return tf.constant(2.0 * batch["z"])

    stage = dataclasses.replace(plain, shared={"made": made})
    forward = functools.partial(stage.forward, training=True)
    batches = {(turn,): {"n": 10 + turn} for turn in range(2)}
    turns = list(stages.turns(stage, batches, seed=seed, forward=forward))
    assert [float(batch["made"]) for _, batch, _ in turns] == [-20.0, -22.0, -20.0]
    own = [seeds.fold(seed, 3, turn) for turn in range(2)]
    calls = [("made", 10 + n, True, *np.asarray(own[n])) for n in range(2)]
    assert noted.calls[2:] == calls
    noted.calls.clear()
    stages.evaluate(stage, {"n": 5}, seed=seed)
    names = [(call[0], call[2]) for call in noted.calls[1:]]
    assert names == [("made", False), ("critic", False), ("generator", False)]
    with pytest.raises(errors.InvalidValue, match="name that the batch has not.*made"):
        stages.evaluate(stage, {"n": 5, "made": 1.0}, seed=seed)


def test_evaluation_takes_one_turn_with_moving_averages():
    noted, seed = Noted(), seeds.make(7)
    terms = stages.evaluate(noted.stage(critic=3, generator=1), {"n": 5}, seed=seed)
    assert {name: float(value) for name, value in terms.items()} == {
        "critic": 5.0,
        "generator": 5.0,
    }
    assert noted.calls == [
        ("infer", 5, *np.asarray(seeds.fold(seed, 0))),
        ("critic", 5, False, *np.asarray(seeds.fold(seed, 1))),
        ("generator", 5, False, *np.asarray(seeds.fold(seed, 2))),
    ]


def test_a_stage_that_says_nothing_learns_from_images_as_they_are():
    stage, data = stages.Stage("fit"), descriptors.images()
    stage.prepare(data)
    stage.begin_epoch(data, seed=seeds.make(0))
    assert stage.source(data) is data
    batch = descriptors.batch()
    assert stage.infer(batch, seed=seeds.make(0)) is batch
    assert (stage.batches_per_step, stage.term_names) == (1, ())


def test_a_stage_learns_from_what_is_cached():
    rows = {"z": np.zeros([48, 2], np.float32)}
    stage = stages.Stage("flow", cache=lambda data: rows)
    assert stage.source(descriptors.images(48)) is rows


def test_what_is_cached_can_stand_beside_the_images():
    data, rows = descriptors.images(48), {"z": np.zeros([48, 2], np.float32)}
    stage = stages.Stage("sharpen", cache=lambda data: rows, keeps_images=True)
    source = stage.source(data)
    assert source.examples is data
    assert source.arrays is rows


@pytest.mark.parametrize("name", ["index", "image", "label", "mask"])
def test_what_stands_beside_the_images_has_a_name_of_its_own(name):
    stage = stages.Stage(
        "sharpen", cache=lambda data: {name: np.zeros([48])}, keeps_images=True
    )
    with pytest.raises(errors.InvalidValue, match="`image`"):
        stage.source(descriptors.images(48))


def test_a_stage_of_one_update_has_its_name():
    noted = Noted()
    stage = stages.Stage.of(
        "joint",
        stages.Group("flow", ()),
        terms=noted.terms("nll"),
        weights={"nll": 2.0},
        max_steps=3,
    )
    (update,) = stage.updates
    assert (stage.name, stage.max_steps, update.name) == ("joint", 3, "joint")
    assert (update.weights, stage.term_names) == ({"nll": 2.0}, ("nll",))
    assert stage.total_steps(2, epochs=5) == 3
