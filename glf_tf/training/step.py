# SPDX-License-Identifier: Apache-2.0
"""The traced function that trains a stage, several steps per call.

A training step: `infer` once, outside every tape, and what updates share, under a tape
for the last of them; then, for each update in order, a tape, the weighted sum of the
terms' means over the number of replicas, the gradient with respect to the update's
groups, and each group's optimiser.
"""

__all__ = ["StageTrainer", "Result", "weighted_sum"]

import dataclasses
import functools
from collections.abc import Mapping

import keras
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.layers import replicas
from glf_tf.objectives import contested
from glf_tf.training import optimizers as optimizers_lib
from glf_tf.training import stages as stages_lib

_Gradients = dict[str, list[tf.Tensor | tf.IndexedSlices | None]]


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a call.

    Attributes:
        steps: Number of steps taken; fewer than requested if a term was not finite.
        sums: Each term's batch means, summed over the steps.
        last: Each term's batch mean at the last step.
    """

    steps: int
    sums: Mapping[str, float]
    last: Mapping[str, float]


class StageTrainer:
    """Trains one stage of a model.

    When traced, it checks that terms and weights have the same names, and that no
    gradient is missing.
    """

    def __init__(
        self,
        model: keras.Model,
        stage: stages_lib.Stage,
        *,
        optimizers: Mapping[str, optimizers_lib.Optimizer],
        seed: int,
        jit_compile: bool = False,
        measures_norms: bool = False,
    ):
        """Initializes the trainer; call it in the strategy's scope.

        Args:
            model: The model.
            stage: The stage.
            optimizers: The optimiser of each group, by "stage/group".
            seed: Seed of all random numbers of the stage.
            jit_compile: Whether XLA compiles the forward and backward passes.
                Optimisers are not compiled, which strategies do not support.
            measures_norms: Whether to measure the norms of gradients, whose sums are
                beside those of the terms, under `norm_name` of each group.
        """
        _check_trainable(stage)
        self._stage = stage
        # Stages have different random numbers, although each counts its steps from 0.
        names = [other.name for other in stages_lib.of_model(model)]
        self._seed = seeds.fold(seed, names.index(stage.name))
        self._strategy = tf.distribute.get_strategy()
        self._terms = stage.term_names
        groups = [group.name for update in stage.updates for group in update.groups]
        self._norms = tuple(map(norm_name, groups)) if measures_norms else ()
        self._optimizers = {
            update: {
                group.name: optimizers[f"{stage.name}/{group.name}"]
                for group in update.groups
            }
            for update in stage.updates
        }
        self._gradients = self._differentiate
        self._forward = functools.partial(stage.forward, training=True)
        if jit_compile:
            _check_compiled(model, strategy=self._strategy)
            compiled = functools.partial(tf.function, jit_compile=True, autograph=False)
            self._gradients = compiled(self._differentiate)
            self._forward = compiled(self._forward) if stage.shared else self._forward
        # Without AutoGraph, errors are raised unchanged.
        # A new trace for each stage and fit is meant: of a partial function, TensorFlow
        # does not count them, and does not warn.
        run = functools.partial(self._run_steps)
        self._run = tf.function(run, autograph=False)

    def run(self, iterator, *, first_step: int, steps: int) -> Result:
        """Takes training steps.

        Args:
            iterator: Iterator of batches, distributed by the strategy.
            first_step: Number of previous steps of the stage, which determines random
                numbers and weights.
            steps: Number of steps to take.

        Returns:
            result: The result; it ends early if a term is not finite.
        """
        done, sums, last = self._run(
            iterator, tf.constant(first_step, tf.int64), tf.constant(steps, tf.int64)
        )
        return Result(int(done), _as_floats(sums), _as_floats(last))

    def _run_steps(self, iterator, first_step, steps):
        measured = (*self._terms, *self._norms)
        zeros = {name: tf.zeros([], tf.float64) for name in measured}

        def is_going(done, sums, last):
            del sums
            return (done < steps) & _all_finite(last)

        def body(done, sums, last):
            del last
            count = self._stage.batches_per_step
            batches = [iterator.get_next() for _ in range(count)]
            values = self._step(batches, first_step + done)
            # Sums of float32 numbers in float64 are exact here, so that results do not
            # depend on the number of steps per call, which depends on the machine.
            sums = {name: sums[name] + values[name] for name in measured}
            return done + 1, sums, {name: values[name] for name in self._terms}

        start = (tf.zeros([], tf.int64), zeros, {n: zeros[n] for n in self._terms})
        return tf.while_loop(is_going, body, start)

    def _step(self, batches: list[types.Batch], step: tf.Tensor) -> types.Terms:
        values = self._strategy.run(self._replica_step, args=(batches, step))
        mean = tf.distribute.ReduceOp.MEAN
        return {
            name: tf.cast(self._strategy.reduce(mean, value, axis=None), tf.float64)
            for name, value in values.items()
        }

    def _replica_step(self, batches: list[types.Batch], step: tf.Tensor) -> types.Terms:
        context = tf.distribute.get_replica_context()
        # Every replica has different random numbers.
        replica = context.replica_id_in_sync_group
        seed = seeds.fold(self._seed, step, replica)
        numbered = {(turn,): batch for turn, batch in enumerate(batches)}
        *_, last = self._stage.updates
        tape = tf.GradientTape(watch_accessed_variables=False)

        def forward(batch, *, seed):
            with tape:
                tape.watch([v for group in _variables(last).values() for v in group])
                return self._forward(batch, seed=seed)

        terms = {}  # for a repeated update, those of the last turn
        for update, batch, own_seed in stages_lib.turns(
            self._stage, numbered, seed=seed, forward=forward
        ):
            through = tape if update is last else None
            terms |= self._update(update, batch, own_seed, step, through=through)
        return terms

    def _update(
        self,
        update: stages_lib.Update,
        batch: types.Batch,
        seed: tf.Tensor,
        step: tf.Tensor,
        *,
        through: tf.GradientTape | None,
    ) -> types.Terms:
        optimizers = self._optimizers[update]
        factor = optimizers_lib.loss_factor(optimizers.values())
        means, gradients, of_shared = self._gradients(update, batch, seed, step, factor)
        if through is not None and self._stage.shared:
            shared = {name: batch[name] for name in self._stage.shared}
            further = _chained(through, shared, of_shared, variables=_variables(update))
            gradients = tf.nest.map_structure(_sum, gradients, further)
        _check_gradients(gradients, update=update)
        # Gathered rows, such as those of a table of latents, have sparse gradients.
        gradients = tf.nest.map_structure(tf.convert_to_tensor, gradients)
        for name, optimizer in optimizers.items():
            optimizer.apply(gradients[name], loss_factor=factor)
        if not self._norms:
            return means
        count = float(self._strategy.num_replicas_in_sync)
        return means | {
            norm_name(name): _norm(group, times=count, factor=factor)
            for name, group in gradients.items()
        }

    def _differentiate(
        self,
        update: stages_lib.Update,
        batch: types.Batch,
        seed: tf.Tensor,
        step: tf.Tensor,
        loss_factor: tf.Tensor | None,
    ) -> tuple[types.Terms, _Gradients, dict[str, tf.Tensor]]:
        """Returns the terms' means, and gradients times the factor.

        Those of each group, and those of what updates share; None where the terms do
        not depend on it.
        """
        variables = _variables(update)
        shared = {name: batch[name] for name in self._stage.shared}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([v for group in variables.values() for v in group])
            tape.watch(list(shared.values()))
            terms = update.measure(batch, seed=seed, training=True)
            means = {name: tf.reduce_mean(value) for name, value in terms.items()}
            loss = weighted_sum(means, weights=update.weights, step=step)
            loss /= self._strategy.num_replicas_in_sync
            if loss_factor is not None:
                loss *= loss_factor
        gradients, of_shared = tape.gradient(loss, (variables, shared))
        return means, gradients, of_shared


def _variables(update: stages_lib.Update) -> dict[str, list[tf.Variable]]:
    """Returns the variables of an update's groups, by the groups' names."""
    return {group.name: [v.value for v in group.variables] for group in update.groups}


def _chained(
    tape: tf.GradientTape,
    shared: types.Batch,
    of_shared: Mapping[str, tf.Tensor | None],
    *,
    variables: dict[str, list[tf.Variable]],
) -> _Gradients:
    """Returns the gradients that reach variables through what is shared."""
    given = {
        name: tf.zeros_like(value) if of_shared[name] is None else of_shared[name]
        for name, value in shared.items()
    }
    return tape.gradient(shared, variables, output_gradients=given)


def _sum(first: tf.Tensor | None, second: tf.Tensor | None) -> tf.Tensor | None:
    """Returns the sum of two gradients, where None is nothing."""
    found = [gradient for gradient in (first, second) if gradient is not None]
    return tf.add_n(found) if found else None


def norm_name(group: str) -> str:
    """Returns the name of the norm of a group's gradient among averages of training.

    It is that of the gradient of the loss's mean over a replica's own examples, before
    `clip_norm` and weight decay; where several devices train, the mean of theirs; where
    an update is repeated, that of its last turn. A step that is skipped, as gradients
    in 16 bits overflowed, counts as 0.
    """
    return f"gradient_norm/{group}"


def _norm(
    gradients: list[tf.Tensor], *, times: float, factor: tf.Tensor | None
) -> tf.Tensor:
    norm = times * tf.linalg.global_norm([tf.cast(g, tf.float32) for g in gradients])
    if factor is None:
        return norm
    return tf.where(tf.math.is_finite(norm), norm / factor, 0.0)


def weighted_sum(
    terms: types.Terms, *, weights: Mapping[str, stages_lib.Weight], step: tf.Tensor
) -> tf.Tensor:
    """Returns the loss of an update, from terms of shape [].

    Args:
        terms: The terms.
        weights: Their weights; terms of weight 0.0 are left out.
        step: The stage's step, for weights that depend on it.
    """
    factors = {
        name: _factor(weight, step=step, term=name)
        for name, weight in weights.items()
        if callable(weight) or weight != 0.0
    }
    return tf.add_n([factor * terms[name] for name, factor in factors.items()])


def _factor(weight: stages_lib.Weight, *, step: tf.Tensor, term: str):
    """Returns the weight of a term at a step, `[]`."""
    if not callable(weight):
        return weight
    factor = weight(step)
    shape = None if factor is None else tf.convert_to_tensor(factor).shape
    if shape is None or shape.rank:
        raise errors.InvalidValue(
            "A function of the step must return the weight of a term, a scalar",
            received=f"{factor if shape is None else shape} for the term {term}",
            do="Return one number",
        )
    return factor


def _check_compiled(model: keras.Model, *, strategy: tf.distribute.Strategy) -> None:
    """Checks that XLA compiles no communication of replicas."""
    layers = model._flatten_layers()
    together = [layer.name for layer in layers if _is_joined(layer)]
    if together and strategy.num_replicas_in_sync > 1:
        raise errors.Unsupported(
            "XLA cannot compile what several devices compute together, such as batch "
            "normalisation",
            received=f"jit_compile, {strategy.num_replicas_in_sync} replicas, and the "
            f"layer {together[0]} of {type(model).__name__}",
            do="Remove --jit_compile, or use --strategy=one_device",
        )


def _is_joined(layer: keras.layers.Layer) -> bool:
    """Returns whether devices compute together what a layer, or its weight, needs."""
    is_contested = isinstance(layer, contested.AbstractContested)
    is_judge = is_contested and layer.judgement.is_adaptive
    return is_judge or isinstance(layer, replicas.Joined)


def _check_trainable(stage: stages_lib.Stage) -> None:
    for update in stage.updates:
        if any(group.variables for group in update.groups):
            continue
        layers = [layer for group in update.groups for layer in group.layers]
        unbuilt = next((layer.name for layer in layers if not layer.built), None)
        raise errors.InvalidValue(
            "An update must have variables that it trains",
            received=f"none in the update {update.name} of the stage {stage.name}",
            do=f"Build its layer {unbuilt} in the model's constructor, such as by "
            "layer.build((None, *image_shape))"
            if unbuilt
            else f"Set `trainable` of its layers, or epochs={{{stage.name!r}: 0}}",
        )


def _check_gradients(gradients: _Gradients, *, update: stages_lib.Update) -> None:
    missing = [
        variable.path
        for group in update.groups
        for variable, gradient in zip(
            group.variables, gradients[group.name], strict=True
        )
        if gradient is None
    ]
    if missing:
        raise errors.InvalidValue(
            f"Every variable of the update {update.name} must have a gradient",
            received=f"none for {', '.join(missing[:5])} ({len(missing)} in all)",
            do="Let a term of the update depend on it, or remove it from the group",
        )


def _all_finite(values: types.Terms) -> tf.Tensor:
    return tf.reduce_all(tf.math.is_finite(tf.stack(list(values.values()))))


def _as_floats(values: types.Terms) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}
