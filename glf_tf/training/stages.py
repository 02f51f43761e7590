# SPDX-License-Identifier: Apache-2.0
"""How a model is trained, said as data: stages, made of updates, made of groups.

A *stage* is trained to its end before the next begins. A training step of a stage runs
its *updates* in order; each has a gradient tape of its own, so that the second player
of an adversarial pair sees the first one's new weights. The variables of an update are
in one or more *groups*, each with an optimiser of its own.

    GLF                 joint: autoencoder+flow          one tape, two optimisers
    GLF, two stages     autoencoder; flow                freezing is simply absence
    WAE-GAN             joint: critic, then autoencoder  two tapes
    mixture as prior    autoencoder; prior (no update)   fitted in `prepare`

Stages and updates carry the functions that they need, which are methods of the model,
so that whoever runs a stage asks the stage alone.
"""

__all__ = ["Group", "Update", "Stage", "Ramp", "Weight", "turns", "evaluate"]

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from glf_tf import seeds, types
from glf_tf.data import image_set

Weight = float | Callable[[tf.Tensor], tf.Tensor]
"""The weight of a loss term: a number, or a function of the stage's step, such as
`Ramp`. A term of weight 0.0 is measured and written, and not minimised."""


@dataclasses.dataclass(frozen=True)
class Ramp:
    """A weight that rises in a straight line: `min(end, start + step / steps)`.

    Attributes:
        start: The weight at step 0.
        steps: Steps in which it rises by 1.
        end: The weight that it keeps.
    """

    start: float
    steps: int
    end: float = 1.0

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the weight at a step, a float32 scalar."""
        rise = tf.cast(step, tf.float32) / self.steps
        return tf.minimum(self.end, self.start + rise)


@dataclasses.dataclass(frozen=True)
class Group:
    """Layers whose variables share an optimiser.

    Attributes:
        name: What flags call it, such as "flow" in `--learning_rate=flow:1e-4`.
        layers: The layers.
    """

    name: str
    layers: tuple[keras.layers.Layer, ...]

    @property
    def variables(self) -> list[keras.Variable]:
        """The trainable variables, each once."""
        found = [v for layer in self.layers for v in layer.trainable_variables]
        return list({id(variable): variable for variable in found}.values())


# Compared by identity: two that look alike may belong to two models.
@dataclasses.dataclass(frozen=True, eq=False)
class Update:
    """One gradient of one weighted sum of terms.

    Attributes:
        name: What messages call it.
        groups: What the gradient updates.
        terms: The loss terms of a batch, `terms(batch, *, seed, training)`: `{name:
            value}` of shapes [batch] or [], where smaller is better. The batch has
            images, or what `cache` gave, their indices, and whatever `infer` added; the
            seed is another one at every step and replica; `training` says whether batch
            normalisation uses the batch's statistics.
        weights: The weight of each term: the same names.
        repeats: How often it runs in a training step, each time on a fresh batch.
    """

    name: str
    groups: tuple[Group, ...]
    terms: Callable[..., types.Terms]
    weights: Mapping[str, Weight]
    repeats: int = 1


def _nothing(data: image_set.ImageSet, *, seed: types.Seed = 0) -> None:
    """Does nothing: most stages need no preparation, and learn from images."""
    del data, seed


def _as_it_is(batch: types.Batch, *, seed: tf.Tensor) -> types.Batch:
    """Returns the batch: most stages infer nothing."""
    del seed
    return batch


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
    """A phase of training.

    What `prepare` and `begin_epoch` find must be kept in variables, so that a run that
    is resumed has it. `cache` must depend on nothing that the stage changes: a run that
    is resumed asks again.

    Attributes:
        name: What flags call it, such as "flow" in `--epochs=100,flow:20`.
        updates: What a training step does, in order; none for a stage that `prepare`
            fits without gradients, which counts as one step.
        prepare: Runs once before the stage, `prepare(data)`: fits to codes, starts that
            depend on data.
        begin_epoch: Runs before each epoch, `begin_epoch(data, *, seed)`: what all the
            data decide anew, with another seed each epoch.
        cache: Returns what the stage learns from instead of images, `cache(data)`, such
            as the codes of an encoder that the stage leaves alone: arrays `[size, ...]`
            by name, of which row i belongs to image i; None for images.
        infer: Returns a batch with what is inferred outside any tape, such as the
            latents "z" of chains, `infer(batch, *, seed)`.
        max_steps: A bound on its steps, for a short start; None for its epochs alone.
        is_validated: Whether its terms can be measured on images that were not trained
            on; not so where each training image has parameters of its own.
    """

    name: str
    updates: tuple[Update, ...] = ()
    prepare: Callable[[image_set.ImageSet], None] = _nothing
    begin_epoch: Callable[..., None] = _nothing
    cache: Callable[[image_set.ImageSet], Mapping[str, np.ndarray] | None] = _nothing
    infer: Callable[..., types.Batch] = _as_it_is
    max_steps: int | None = None
    is_validated: bool = True

    @classmethod
    def of(
        cls,
        name: str,
        *groups: Group,
        terms: Callable[..., types.Terms],
        weights: Mapping[str, Weight],
        **options,
    ) -> "Stage":
        """Returns a stage with one update, which has the stage's name.

        Args:
            name: Of both.
            *groups: What it updates.
            terms: The update's terms.
            weights: Their weights.
            **options: The stage's further attributes.
        """
        update = Update(name, groups, terms=terms, weights=weights)
        return cls(name, (update,), **options)

    def source(self, data: image_set.ImageSet) -> object:
        """Returns what batches are made of: what `cache` gives, or the data."""
        cached = self.cache(data)
        return data if cached is None else cached

    @property
    def term_names(self) -> tuple[str, ...]:
        """The names of all updates' terms, which are those of their weights."""
        return tuple(name for update in self.updates for name in update.weights)

    @property
    def batches_per_step(self) -> int:
        """How many fresh batches a training step takes."""
        return max((update.repeats for update in self.updates), default=1)

    def steps_per_epoch(self, batches_per_epoch: int) -> int:
        """How many training steps an epoch has, at least one."""
        return max(1, batches_per_epoch // self.batches_per_step)

    def total_steps(self, batches_per_epoch: int, *, epochs: int) -> int:
        """Returns how many training steps the stage has."""
        if not self.updates:
            return 1
        steps = epochs * self.steps_per_epoch(batches_per_epoch)
        return steps if self.max_steps is None else min(steps, self.max_steps)


def turns(
    stage: Stage, batches: Mapping[tuple[int, ...], types.Batch], *, seed: tf.Tensor
) -> Iterator[tuple[Update, types.Batch, tf.Tensor]]:
    """Infers once, then gives each turn of a stage's updates, in order.

    Args:
        stage: The stage.
        batches: A batch for each turn of an update that repeats. What numbers the turn
            is folded into its seeds: (0,), (1,), ... in training, and () where a stage
            is evaluated, which takes one turn.
        seed: A stateless seed.

    Yields:
        turn: The update, its batch with what was inferred, and a seed.
    """
    batches = {
        turn: stage.infer(batch, seed=seeds.fold(seed, 0, *turn))
        for turn, batch in batches.items()
    }
    for index, update in enumerate(stage.updates):
        for turn in list(batches)[: update.repeats]:
            yield update, batches[turn], seeds.fold(seed, index + 1, *turn)


def evaluate(stage: Stage, batch: types.Batch, *, seed: types.Seed) -> types.Terms:
    """Returns the terms of a batch with nothing learned: `{name: [batch] or []}`.

    Args:
        stage: The stage.
        batch: From `stage.source`.
        seed: A stateless seed.
    """
    terms = {}
    for update, inferred, own_seed in turns(stage, {(): batch}, seed=seed):
        terms |= update.terms(inferred, seed=own_seed, training=False)
    return terms
