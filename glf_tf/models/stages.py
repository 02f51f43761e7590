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

__all__ = ["Group", "Update", "Stage"]

import dataclasses

import keras


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
        updates: What a training step does, in order; none for a stage that is fitted in
            closed form by the model's `prepare`.
    """

    name: str
    updates: tuple[Update, ...] = ()

    @property
    def batches_per_step(self) -> int:
        """How many fresh batches a training step takes."""
        return max((update.repeats for update in self.updates), default=1)

    def steps_per_epoch(self, batches_per_epoch: int) -> int:
        """How many training steps an epoch has, at least one."""
        return max(1, batches_per_epoch // self.batches_per_step)
