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
"""

__all__ = ["Group", "Update", "Stage", "Ramp", "Weight"]

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

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


@dataclasses.dataclass(frozen=True)
class Update:
    """One gradient of one weighted sum of terms.

    Attributes:
        name: The key under which the model gives terms and their weights.
        groups: What the gradient updates.
        repeats: How often it runs in a training step, each time on a fresh batch.
    """

    name: str
    groups: tuple[Group, ...]
    repeats: int = 1


@dataclasses.dataclass(frozen=True)
class Stage:
    """A phase of training.

    Attributes:
        name: What flags call it, such as "flow" in `--epochs=100,flow:20`.
        updates: What a training step does, in order; none for a stage that the model's
            `prepare` fits without gradients, which counts as one step.
        max_steps: A bound on its steps, for a short start; None for its epochs alone.
        is_validated: Whether its terms can be measured on images that were not trained
            on; not so where each training image has parameters of its own.
    """

    name: str
    updates: tuple[Update, ...] = ()
    max_steps: int | None = None
    is_validated: bool = True

    @classmethod
    def of(cls, name: str, *groups: Group, **options) -> "Stage":
        """Returns a stage with one update, which has the stage's name.

        Args:
            name: Of both.
            *groups: What it updates.
            **options: The stage's further attributes.
        """
        return cls(name, (Update(name, groups),), **options)

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
