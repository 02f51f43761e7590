# SPDX-License-Identifier: Apache-2.0
"""The training step on toy models of every kind that the design has room for."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from glf_tf import errors
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

    def __init__(self, image_shape, *, updates, name="toy", **of_stage):
        super().__init__(image_shape, name=name)
        self.left, self.right = Scalar(1.0, "left"), Scalar(2.0, "right")
        self._updates, self._of_stage = updates, of_stage
        self.built = True

    def update(self, name, *groups, terms, repeats=1):
        """An update of one term; groups are names of numbers, such as "left+right"."""

        def of_batch(batch, *, seed, training):
            assert training
            return terms(self, batch, seed)

        return stages.Update(
            name,
            tuple(
                stages.Group(
                    group.replace("+", "_"),
                    tuple(getattr(self, n) for n in group.split("+")),
                )
                for group in groups
            ),
            terms=of_batch,
            weights={name: 1.0},
            repeats=repeats,
        )

    def stages(self):
        return (stages.Stage("only", self._updates(self), **self._of_stage),)

    def _sample(self, n, *, seed, temperature):
        return tf.zeros([n, *self.image_shape])


def run(toy, *, steps=1, rate=0.1, count=4, compiled=False, **settings):
    made = optimizers.make(
        toy.stages(),
        options=options.Optimizers(learning_rate={"": rate}, **settings),
        batches_per_epoch=10,
    )
    how = {"optimizers": made, "seed": 0, "jit_compile": compiled}
    trainer = step.StageTrainer(toy, toy.stages()[0], **how)
    indices = tf.data.Dataset.counter(0).map(lambda i: {"index": tf.fill([count], i)})
    return trainer.run(iter(indices), first_step=0, steps=steps), made


def one_update(terms, groups=("left",), *, shape=(1, 1, 1), **of_stage):
    return Toy(
        shape, updates=lambda m: (m.update("only", *groups, terms=terms),), **of_stage
    )


def squared(m, batch, seed):
    """Terms whose least value `left` finds at 0."""
    del batch, seed
    return {"only": m.left.value.value**2}


def test_second_update_sees_the_first_ones_new_weights():
    toy = Toy(
        (1, 1, 1),
        updates=lambda m: (
            m.update(
                "critic", "left", terms=lambda m, *_: {"critic": m.left.value.value}
            ),
            m.update(
                "generator",
                "right",
                terms=lambda m, *_: {
                    "generator": m.left.value.value * m.right.value.value
                },
            ),
        ),
    )
    result, _ = run(toy)
    # Adam's first step moves `left` from 1 by the learning rate.
    np.testing.assert_allclose(result.last["critic"], 1.0)
    np.testing.assert_allclose(result.last["generator"], 0.9 * 2.0, rtol=1e-5)


def test_repeats_take_fresh_batches():
    def critic(m, batch, seed):
        index = tf.cast(batch["index"], tf.float32)
        return {"critic": index + 0 * m.left.value.value}

    def generator(m, batch, seed):
        return {"generator": m.right.value.value}

    toy = Toy(
        (1, 1, 1),
        updates=lambda m: (
            m.update("critic", "left", terms=critic, repeats=3),
            m.update("generator", "right", terms=generator),
        ),
    )
    result, made = run(toy, steps=2)
    # The last turn of the second step reads the sixth batch, index 5.
    np.testing.assert_allclose(result.last["critic"], 5.0)
    iterations = {name: int(item.keras.iterations) for name, item in made.items()}
    assert iterations == {"only/left": 6, "only/right": 2}


@pytest.mark.parametrize("compiled", [False, True])
def test_what_is_shared_has_the_gradient_that_it_has_if_computed_twice(compiled):
    """The critic takes its value; what the generator computes of it comes through."""

    def square(m):
        return m.right.value.value**2

    def players(m, made):
        def critic(m, batch, seed):
            return {"critic": (m.left.value.value - made(m, batch)) ** 2}

        def generator(m, batch, seed):
            product = m.left.value.value * made(m, batch)
            return {"generator": product - 5.0 * m.right.value.value}

        return (
            m.update("critic", "left", terms=critic, repeats=2),
            m.update("generator", "right", terms=generator),
        )

    ended = []
    for shared in (True, False):
        made = (lambda m, batch: batch["made"]) if shared else lambda m, _: square(m)
        toy = Toy((1, 1, 1), updates=lambda m, made=made: players(m, made))
        if shared:
            toy._of_stage["shared"] = {"made": lambda *_, toy=toy, **__: square(toy)}
        result, _ = run(toy, steps=3, compiled=compiled)
        ended.append([*result.sums.values(), toy.left.value, toy.right.value])
    np.testing.assert_allclose(*ended, rtol=1e-6)
    assert toy.right.value < 2.1  # its own term alone would have made it 2.3


def test_what_the_last_update_leaves_alone_moves_nothing():
    def critic(m, batch, seed):
        return {"critic": m.left.value.value * batch["made"]}

    toy = Toy(
        (1, 1, 1),
        updates=lambda m: (
            m.update("critic", "left", terms=critic),
            m.update(
                "generator",
                "right",
                terms=lambda m, *_: {"generator": -1e-3 * m.right.value.value},
            ),
        ),
    )
    toy._of_stage["shared"] = {"made": lambda *_, **__: toy.right.value.value**2}
    run(toy)
    # By its own term alone it grows; the gradient of `made` would be a larger one.
    np.testing.assert_allclose(toy.right.value, 2.1, rtol=1e-3)


def test_random_numbers_are_fresh_at_every_step_and_the_same_in_every_run():
    def noise(m, batch, seed):
        drawn = tf.random.stateless_normal([], seed)
        return {"only": drawn + 0 * m.left.value.value}

    def sums(steps):
        return run(one_update(noise), steps=steps)[0]

    one, two = sums(1), sums(2)
    assert one.last == sums(1).last
    assert one.last != two.last


def test_a_term_that_nobody_weighs_is_refused():
    toy = one_update(lambda m, *_: {"other": m.left.value.value})
    with pytest.raises(errors.InvalidValue, match="`weights`"):
        run(toy)


def test_a_missing_gradient_is_refused():
    toy = one_update(lambda m, *_: {"only": m.left.value.value}, groups=("right",))
    with pytest.raises(errors.InvalidValue, match="right/value"):
        run(toy)


def test_groups_that_share_a_variable_are_refused():
    toy = one_update(squared, groups=("left", "left+right"))
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
        def _joint_terms(self, batch, *, seed, training):
            terms = super()._joint_terms(batch, seed=seed, training=training)
            bad = tf.reduce_any(batch["index"] == 7)
            terms["nll"] = tf.where(bad, np.nan, terms["nll"])
            return terms

    spec = descriptors.MODELS["glf"]
    small = {name: spec[name] for name in ("latent_dim", "network", "flow")}
    made = Diverging(descriptors.IMAGE_SHAPE, **small)
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
        (8, 8, 1), updates=lambda m: (m.update("only", "left", terms=squared),)
    )
    noted = Noted()
    loop_of(toy, more=[noted]).run()
    assert noted.moments == [("only", 6), ("fit", 7)]


def test_a_stage_can_be_bounded_in_steps():
    noted = Noted()
    toy = one_update(squared, shape=(8, 8, 1), max_steps=4)
    loop_of(toy, epochs=2, more=[noted]).run()
    assert noted.moments == [("only", 4)]


def test_each_epoch_is_begun_with_a_seed_of_its_own():
    seen = []

    def begin(data, *, seed):
        seen.append((len(data), *(int(part) for part in seed)))

    loop_of(one_update(squared, shape=(8, 8, 1), begin_epoch=begin), epochs=3).run()
    assert len(seen) == len(set(seen)) == 3
    assert {size for size, *_ in seen} == {48}


def test_a_stage_can_learn_from_what_is_cached():
    def terms(m, batch, seed):
        gap = batch["row"] - tf.cast(batch["index"], tf.float32)
        return {"only": m.left.value.value**2 + tf.abs(gap)}

    toy = one_update(
        terms,
        shape=(8, 8, 1),
        cache=lambda data: {"row": np.arange(len(data), dtype=np.float32)},
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
    seen = []

    def saw(name):
        return lambda data: seen.append((name, len(data)))

    class Fitted(Toy):
        def stages(self):
            fit = stages.Stage(
                "fit", prepare=lambda data: seen.append(("fit", len(data)))
            )
            return (fit, *super().stages())

    toy = Fitted(
        (8, 8, 1),
        updates=lambda m: (m.update("only", "left", terms=squared),),
        prepare=saw("only"),
    )
    running = loop_of(toy)
    running.run()
    assert seen == [("fit", 48), ("only", 48)]
    assert running.total_steps == 1 + 6


def test_inference_reaches_the_terms_and_no_tape():
    def infer(batch, *, seed):
        return {**batch, "z": 3.0 * toy.left.value.value}

    def terms(m, batch, seed):
        return {"only": batch["z"] * m.left.value.value}

    toy = one_update(terms, infer=infer)
    result, made = run(toy)
    np.testing.assert_allclose(result.last["only"], 3.0)
    # d(z left) / d left is z, 3, and not 6: Adam's first moment is a tenth of it.
    moment = next(v for v in made["only/left"].keras.variables if "momentum" in v.path)
    np.testing.assert_allclose(moment, 0.3, rtol=1e-5)
