# SPDX-License-Identifier: Apache-2.0
"""Moments of batch normalisation for averages of weights.

Moving moments belong to the weights with which they were counted. Averages of weights
give activations of another, mostly smaller variance, so that images that are decoded
with the old moments are dim and blurred. So the moments are counted anew for them, with
batches of the training set, wherever averages are used or saved.

Izmailov, Podoprikhin, Garipov, Vetrov, Wilson: Averaging Weights Leads to Wider Optima
and Better Generalization, 2018, section 3.1. https://arxiv.org/abs/1803.05407
"""

__all__ = ["Recounting"]

import functools
from collections.abc import Callable, Iterator, Mapping

import keras
import tensorflow as tf

from glf_tf import seeds
from glf_tf.training import averages
from glf_tf.training import moments as moments_lib
from glf_tf.training import optimizers as optimizers_lib
from glf_tf.training import stages as stages_lib


class Recounting:
    """Counts the moments of a stage's averages; does nothing where there are none."""

    def __init__(
        self,
        model: keras.Model,
        stage: stages_lib.Stage,
        *,
        optimizers: Mapping[str, optimizers_lib.Optimizer],
        seed: int,
        batches: Callable[[], Iterator],
    ):
        """Initializes it; call it in the strategy's scope.

        Args:
            model: The model.
            stage: The stage.
            optimizers: The optimisers of all groups, by "stage/group".
            seed: Seed of the random numbers of terms.
            batches: Returns a new iterator of batches, distributed by the strategy.
        """
        self._model, self._stage, self._batches = model, stage, batches
        self._optimizers, self._seed = optimizers, seed
        self._strategy = tf.distribute.get_strategy()
        averaged = [
            (update.name, group)
            for update in stage.updates
            for group in update.groups
            if optimizers[f"{stage.name}/{group.name}"].moments
        ]
        self._updates = {update for update, _ in averaged}
        counts = [
            moments_lib.batches_of(layer)
            for _, group in averaged
            for layer in moments_lib.layers_of(group)
        ]
        self._count = max(counts, default=0)
        # Each stage has a trace of its own; see `step.StageTrainer`.
        self._run = tf.function(functools.partial(self._pass), autograph=False)

    def run(self, *, step: int) -> None:
        """Counts the moments; all variables but their averages stay as they are.

        Args:
            step: The stage's step, on which random numbers depend.
        """
        found = averages.pairs(self._stage, self._optimizers)
        if not found or not self._count:
            return
        others = self._model.non_trainable_variables
        before = [tf.identity(tf.convert_to_tensor(variable)) for variable in others]
        moments = [pair for pair in found if not pair[0].trainable]
        with averages.shown([pair for pair in found if pair[0].trainable]):
            self._run(self._batches(), tf.constant(step, tf.int64))
            averages.follow(moments)
        for variable, value in zip(others, before, strict=True):
            variable.assign(value)

    def _pass(self, iterator, step):
        def body(done):
            count = self._stage.batches_per_step
            batches = [iterator.get_next() for _ in range(count)]
            self._strategy.run(self._measure, args=(batches, step, done))
            return (done + 1,)

        start = (tf.zeros([], tf.int64),)
        return tf.while_loop(lambda done: done < self._count, body, start)

    def _measure(self, batches, step, done):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        seed = seeds.fold(self._seed, step, done, replica)
        numbered = {(turn,): batch for turn, batch in enumerate(batches)}
        forward = functools.partial(self._stage.forward, training=True)
        for update, batch, own in stages_lib.turns(
            self._stage, numbered, seed=seed, forward=forward
        ):
            if update.name in self._updates:
                update.measure(batch, seed=own, training=True)
