# SPDX-License-Identifier: Apache-2.0
"""The training step on toy models of every kind that the design has room for."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors, seeds
from glf_tf.models import model
from glf_tf.training import callback as callback_lib
from glf_tf.training import loop, optimizers, options, stages, step
from tests import descriptors


class Scalar(keras.layers.Layer):
    """A layer that owns one number."""

    def __init__(self, start, name):
        super().__init__(name=name)
        self.value = self.add_weight(shape=(), name="value", initializer="zeros")
        self.value.assign(start)
        self.built = True


class Toy(model.GenerativeModel):
    """Two numbers that play against each other, given how they are trained."""

    def __init__(self, image_shape, *, updates=(), terms=None, name="toy"):
        super().__init__(image_shape, name=name)
        self.left, self.right = Scalar(1.0, "left"), Scalar(2.0, "right")
        self._updates, self._terms = updates, terms or {}
        self.seen, self.built = [], True

    def group(self, *names):
        return stages.Group("+".join(names), tuple(getattr(self, n) for n in names))

    def stages(self):
        return (stages.Stage("only", self._updates(self)),)

    @property
    def term_weights(self):
        return {u.name: {u.name: 1.0} for u in self._updates(self)}

    def terms(self, update, batch, *, seed, training):
        return self._terms[update](self, batch, seed)

    def _sample(self, n, *, seed, temperature):
        return tf.zeros([n, *self.image_shape])


def run(toy, *, steps=1, rate=0.1, count=4, **settings):
    made = optimizers.make(
        toy.stages(),
        options=options.Optimizers(learning_rate={"": rate}, **settings),
        batches_per_epoch=10,
    )
    trainer = step.StageTrainer(toy, toy.stages()[0], optimizers=made, seed=0)
    indices = tf.data.Dataset.counter(0).map(lambda i: {"index": tf.fill([count], i)})
    return trainer.run(iter(indices), first_step=0, steps=steps), made


def test_second_update_sees_the_first_ones_new_weights():
    toy = Toy(
        (1, 1, 1),
        updates=lambda m: (
            stages.Update("critic", (m.group("left"),)),
            stages.Update("generator", (m.group("right"),)),
        ),
        terms={
            "critic": lambda m, *_: {"critic": m.left.value.value},
            "generator": lambda m, *_: {
                "generator": m.left.value.value * m.right.value.value
            },
        },
    )
    result, _ = run(toy)
    # Adam's first step moves `left` from 1 by the learning rate.
    np.testing.assert_allclose(result.last["critic"], 1.0)
    np.testing.assert_allclose(result.last["generator"], 0.9 * 2.0, rtol=1e-5)


def test_repeats_take_fresh_batches():
    toy = Toy(
        (1, 1, 1),
        updates=lambda m: (
            stages.Update("critic", (m.group("left"),), repeats=3),
            stages.Update("generator", (m.group("right"),)),
        ),
        terms={
            "critic": lambda m, batch, _: {
                "critic": tf.cast(batch["index"], tf.float32) + 0 * m.left.value.value
            },
            "generator": lambda m, *_: {"generator": m.right.value.value},
        },
    )
    result, made = run(toy, steps=2)
    # The last turn of the second step reads the sixth batch, index 5.
    np.testing.assert_allclose(result.last["critic"], 5.0)
    iterations = {name: int(one.keras.iterations) for name, one in made.items()}
    assert iterations == {"only/left": 6, "only/right": 2}


def test_random_numbers_are_fresh_at_every_step_and_the_same_in_every_run():
    def noise(m, batch, seed):
        drawn = tf.random.stateless_normal([], seed)
        return {"only": drawn + 0 * m.left.value.value}

    def sums(steps):
        toy = Toy(
            (1, 1, 1),
            updates=lambda m: (stages.Update("only", (m.group("left"),)),),
            terms={"only": noise},
        )
        return run(toy, steps=steps)[0]

    one, two = sums(1), sums(2)
    assert one.last == sums(1).last
    assert one.last != two.last


def one_update(terms, groups=("left",)):
    return Toy(
        (1, 1, 1),
        updates=lambda m: (stages.Update("only", tuple(m.group(g) for g in groups)),),
        terms={"only": terms},
    )


def test_a_term_that_nobody_weighs_is_refused():
    toy = one_update(lambda m, *_: {"other": m.left.value.value})
    with pytest.raises(errors.InvalidValue, match="term_weights"):
        run(toy)


def test_a_missing_gradient_is_refused():
    toy = one_update(lambda m, *_: {"only": m.left.value.value}, groups=("right",))
    with pytest.raises(errors.InvalidValue, match="right/value"):
        run(toy)


def test_groups_that_share_a_variable_are_refused():
    toy = Toy(
        (1, 1, 1),
        updates=lambda m: (
            stages.Update("only", (m.group("left"), m.group("left", "right"))),
        ),
        terms={"only": lambda m, *_: {"only": m.left.value.value}},
    )
    with pytest.raises(errors.InvalidValue, match="share no variable"):
        run(toy)


def test_a_call_ends_at_the_first_term_that_is_not_finite():
    def terms(m, batch, seed):
        index = tf.cast(batch["index"][0], tf.float32)
        return {"only": m.left.value.value * tf.where(index < 3.0, 1.0, np.nan)}

    result, _ = run(one_update(terms), steps=10)
    assert result.steps == 4
    assert np.isnan(result.last["only"])


def test_loop_names_step_term_and_batch_of_a_diverged_run():
    class Diverging(type(descriptors.model("glf"))):
        def terms(self, update, batch, *, seed, training):
            terms = super().terms(update, batch, seed=seed, training=training)
            bad = tf.reduce_any(batch["index"] == 7)
            terms["nll"] = tf.where(bad, np.nan, terms["nll"])
            return terms

    made = Diverging(descriptors.IMAGE_SHAPE, latent_dim=4, network="mlp")
    data = descriptors.images()
    running = loop.Loop(
        made,
        data,
        options=options.Training(epochs={"": 1}, batch_size=8),
        optimizers=optimizers.make(
            made.stages(), options=options.Optimizers(), batches_per_epoch=6
        ),
    )
    with pytest.raises(loop.NonFinite, match="nll=nan at step") as caught:
        running.run()
    assert 7 in caught.value.batch["index"]
    np.testing.assert_array_equal(
        np.round(caught.value.batch["image"] * 255),
        data.images[caught.value.batch["index"]],
    )


class Noted(callback_lib.AbstractCallback):
    """Notes when it runs."""

    def __init__(self):
        super().__init__(callback_lib.Every(epochs=1))
        self.moments = []

    def run(self, moment):
        self.moments.append((moment.stage, moment.global_step))


def loop_of(toy, *, epochs=1, more=()):
    """A loop over 48 images, six batches an epoch."""
    return loop.Loop(
        toy,
        descriptors.images(),
        options=options.Training(epochs={"": epochs}, batch_size=8),
        optimizers=optimizers.make(
            toy.stages(), options=options.Optimizers(), batches_per_epoch=6
        ),
        callbacks=more,
    )


def test_actions_run_after_a_closed_form_stage():
    class FittedLast(Toy):
        def stages(self):
            return (*super().stages(), stages.Stage("fit"))

    toy = FittedLast(
        (8, 8, 1),
        updates=lambda m: (stages.Update("only", (m.group("left"),)),),
        terms={"only": lambda m, *_: {"only": m.left.value.value**2}},
    )
    noted = Noted()
    loop_of(toy, more=[noted]).run()
    assert noted.moments == [("only", 6), ("fit", 7)]


def test_a_stage_can_be_bounded_in_steps():
    class Short(Toy):
        def stages(self):
            (stage,) = super().stages()
            return (dataclasses.replace(stage, max_steps=4),)

    toy = Short(
        (8, 8, 1),
        updates=lambda m: (stages.Update("only", (m.group("left"),)),),
        terms={"only": lambda m, *_: {"only": m.left.value.value**2}},
    )
    noted = Noted()
    loop_of(toy, epochs=2, more=[noted]).run()
    assert noted.moments == [("only", 4)]


def test_each_epoch_is_begun_with_a_seed_of_its_own():
    class Begun(Toy):
        def begin_epoch(self, stage, data, *, seed):
            self.seen.append(tuple(int(part) for part in seed))

    toy = Begun(
        (8, 8, 1),
        updates=lambda m: (stages.Update("only", (m.group("left"),)),),
        terms={"only": lambda m, *_: {"only": m.left.value.value**2}},
    )
    loop_of(toy, epochs=3).run()
    assert len(toy.seen) == len(set(toy.seen)) == 3


def test_a_stage_can_learn_from_what_is_cached():
    class Cached(Toy):
        def cache(self, stage, data):
            return {"row": np.arange(len(data), dtype=np.float32)}

        def terms(self, update, batch, *, seed, training):
            gap = batch["row"] - tf.cast(batch["index"], tf.float32)
            return {"only": self.left.value.value**2 + tf.abs(gap)}

    toy = Cached(
        (8, 8, 1),
        updates=lambda m: (stages.Update("only", (m.group("left"),)),),
        terms={"only": None},
    )
    before = float(toy.left.value.value)
    loop_of(toy).run()
    assert 0.0 < float(toy.left.value.value) < before


def test_a_weight_can_depend_on_the_step():
    terms = {"a": tf.constant(2.0), "b": tf.constant(3.0), "seen": tf.constant(7.0)}
    weights = {"a": stages.Ramp(0.01, steps=10_000), "b": 1.0, "seen": 0.0}
    for at, weight in ((0, 0.01), (9_900, 1.0), (20_000, 1.0), (4_900, 0.5)):
        total = step.weighted_sum(terms, weights=weights, step=tf.constant(at))
        np.testing.assert_allclose(total, 2.0 * weight + 3.0, rtol=1e-6)


def test_closed_form_stage_is_prepared_and_not_trained():
    class Fitted(Toy):
        def stages(self):
            return (stages.Stage("fit"), *super().stages())

        def prepare(self, stage, data):
            self.seen.append((stage.name, len(data)))

    toy = Fitted(
        (8, 8, 1),
        updates=lambda m: (stages.Update("only", (m.group("left"),)),),
        terms={"only": lambda m, *_: {"only": m.left.value.value**2}},
    )
    running = loop_of(toy)
    running.run()
    assert toy.seen == [("fit", 48), ("only", 48)]
    assert running.total_steps == 1 + 6


def test_inference_reaches_the_terms_and_no_tape():
    class Inferred(Toy):
        def infer(self, stage, batch, *, seed):
            return {**batch, "z": 3.0 * self.left.value.value}

    toy = Inferred(
        (1, 1, 1),
        updates=lambda m: (stages.Update("only", (m.group("left"),)),),
        terms={"only": lambda m, batch, _: {"only": batch["z"] * m.left.value.value}},
    )
    result, _ = run(toy)
    np.testing.assert_allclose(result.last["only"], 3.0)
    with tf.GradientTape() as tape:
        batch = toy.infer(None, {}, seed=seeds.make(0))
    assert tape.gradient(batch["z"], toy.left.value.value) is not None
