# SPDX-License-Identifier: Apache-2.0
"""The training of a model, declared as stages of updates of groups of variables.

A *stage* is trained to its end before the next begins. A training step of a stage runs
its *updates* in order; each has its own gradient tape, so that the second player of an
adversarial pair uses the first one's new weights. The variables of an update are in one
or more *groups*, each with its own optimiser.

    GLF                 joint: autoencoder+flow          one tape, two optimisers
    GLF, two stages     autoencoder; flow                freezing is simply absence
    WAE-GAN             joint: critic, then autoencoder  two tapes
    mixture as prior    autoencoder; prior (no update)   fitted in `prepare`

Stages and updates have the functions that they need, methods of the model, so that the
loop depends on the stage alone.
"""

__all__ = [
    *("Group", "Update", "Stage", "Ramp", "Weight"),
    *("evaluate", "of_model", "turns"),
]

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from glf_tf import checks as checks_lib
from glf_tf import errors, seeds, types
from glf_tf.data import image_set, pipeline
from glf_tf.training import contract
from glf_tf.training import stage_checks as checks

Weight = float | Callable[[tf.Tensor], tf.Tensor]
"""The weight of a loss term: a number, or a function of the stage's step, such as
`Ramp` or `schedule.Cosine`. A term of weight 0.0 is only measured, not minimised."""


_MOST_REPEATS = 32
"""TensorFlow refuses to take more batches than this in one step of a graph."""


@dataclasses.dataclass(frozen=True)
class Ramp:
    """A weight that increases linearly: `min(end, start + step / steps)`.

    Attributes:
        start: The weight at step 0.
        steps: Steps in which it increases by 1.
        end: The final weight.
    """

    start: float
    steps: int
    end: float = 1.0

    def __post_init__(self):
        """Checks the values.

        Raises:
            InvalidType: One is not a number.
            InvalidValue: There are no steps, or a weight is not finite.
        """
        contract.number(self.start, of="start")
        contract.number(self.end, of="end")
        contract.whole(self.steps, of="steps", least=1)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the weight at a step, a float32 scalar."""
        rise = tf.cast(step, tf.float32) / self.steps
        return tf.minimum(self.end, self.start + rise)


@dataclasses.dataclass(frozen=True)
class Group:
    """Layers whose variables share an optimiser.

    Attributes:
        name: Its name in flags, such as "flow" in `--learning_rate=flow:1e-4`.
        layers: The layers.
        bound: What each number of the variables is clipped to after each step, [-bound,
            bound]; 0 for none.
    """

    name: str
    layers: tuple[keras.layers.Layer, ...]
    bound: float = 0.0

    def __post_init__(self):
        """Checks the values.

        Raises:
            InvalidType: The layers are not a tuple of layers.
            InvalidValue: The name is invalid, or the bound negative.
        """
        contract.name(self.name, of="a group")
        checks_lib.not_negative("bound", self.bound)
        layers = contract.items(
            self.layers,
            of=f"layers of the group {self.name}",
            kind=keras.layers.Layer,
            do="Write for instance layers=(self.encoder,)",
        )
        object.__setattr__(self, "layers", layers)

    @property
    def variables(self) -> list[keras.Variable]:
        """The trainable variables, without repetition."""
        found = [v for layer in self.layers for v in layer.trainable_variables]
        return list({id(variable): variable for variable in found}.values())


# Compared by identity: equal ones may belong to two models.
@dataclasses.dataclass(frozen=True, eq=False)
class Update:
    """A gradient step on a weighted sum of terms.

    Attributes:
        name: Its name in messages.
        groups: The groups of variables that are updated.
        terms: The loss terms of a batch, `terms(batch, *, seed, training)`: `{name:
            value}` of shapes [batch] or [], where smaller is better. The batch has
            images, or the arrays of `cache`, their indices, and the results of `infer`;
            the seed differs at every step and replica; `training` says whether batch
            normalisation uses the batch's statistics.
        weights: The weight of each term, by name.
        repeats: Number of repetitions per training step, each on a new batch; at most
            32.
        unordered: Terms of which a smaller mean is no better model, such as those of a
            player whose opponent learns too: they choose no checkpoint.
    """

    name: str
    groups: tuple[Group, ...]
    terms: Callable[..., types.Terms]
    weights: Mapping[str, Weight]
    repeats: int = 1
    unordered: tuple[str, ...] = ()

    def __post_init__(self):
        """Checks the values.

        Raises:
            InvalidType: One has the wrong type.
            InvalidValue: There are no groups, nothing is minimised, or a name or number
                is invalid.
        """
        contract.name(self.name, of="an update")
        groups = contract.items(
            self.groups,
            of=f"groups of the update {self.name}",
            kind=Group,
            do='Write for instance (Group("flow", (self.flow,)),)',
        )
        if not groups:
            raise errors.InvalidValue(
                "An update must have a group of variables that it trains",
                received=f"none in {self.name}",
                do="Pass one, or fit in the `prepare` of a stage without updates",
            )
        object.__setattr__(self, "groups", groups)
        contract.function(self.terms, of="terms", takes="batch, *, seed, training")
        contract.whole(self.repeats, of="repeats", least=1, most=_MOST_REPEATS)
        checks.weights(self.weights, of=f"the update {self.name}")

    def measure(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Terms:
        """Returns the terms of a batch, `{name: [batch] or []}`.

        Raises:
            InvalidType: `terms` returned no mapping.
            InvalidValue: They are not those in `weights`.
        """
        found = self.terms(batch, seed=seed, training=training)
        checks.terms(found, weights=self.weights, update=self.name)
        return found


def _nothing(data: image_set.ImageSet, *, seed: types.Seed = 0) -> None:
    """Does nothing, for stages without preparation or cache."""
    del data, seed


def _as_it_is(batch: types.Batch, *, seed: tf.Tensor) -> types.Batch:
    """Returns the batch, for stages without inference."""
    del seed
    return batch


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
    """A phase of training.

    Results of `prepare` and `begin_epoch` must be stored in variables, so that a
    resumed run has them. `cache` must not depend on anything that the stage changes: a
    resumed run calls it again.

    Attributes:
        name: Its name in flags, such as "flow" in `--epochs=100,flow:20`.
        updates: The updates of a training step, in order; none for a stage that
            `prepare` fits without gradients, which counts as one step.
        prepare: Called once before the stage, `prepare(data)`: for fits to codes and
            data-dependent initialisation.
        begin_epoch: Called before each epoch, `begin_epoch(data, *, seed)`, with a
            different seed each.
        cache: Returns arrays that replace images, `cache(data)`, such as the codes of
            an encoder that the stage does not train: `{name: [size, ...]}`, of which
            row i belongs to image i; None for images.
        infer: Returns the batch with inferred values, computed outside any tape, such
            as the latents "z" of chains, `infer(batch, *, seed)`.
        shared: What all updates take of layers that the last one alone trains, such as
            made images of a generator, by its name in the batch: `shared[name](batch,
            *, seed, training)`. It is computed once a batch, before the updates, and
            the last update's gradient flows through it.
        keeps_images: Whether batches have the images beside the arrays of `cache`.
        max_steps: Maximum number of steps, for short stages; None for its epochs alone.
        is_validated: Whether its terms can be measured on new images, which is not
            possible if training images have their own parameters.
        is_asked_for: Whether the user asked for the stage itself, so that no epochs for
            it are a mistake.
        measured: Terms of a stage without updates, which only held-out examples have,
            by name: `measured[name](batch, *, seed)`, `[batch]` or [].
    """

    name: str
    updates: tuple[Update, ...] = ()
    prepare: Callable[[image_set.ImageSet], None] = _nothing
    begin_epoch: Callable[..., None] = _nothing
    cache: Callable[[image_set.ImageSet], Mapping[str, np.ndarray] | None] = _nothing
    infer: Callable[..., types.Batch] = _as_it_is
    shared: Mapping[str, Callable[..., tf.Tensor]] = dataclasses.field(
        default_factory=dict
    )
    keeps_images: bool = False
    max_steps: int | None = None
    is_validated: bool = True
    is_asked_for: bool = False
    measured: Mapping[str, Callable[..., tf.Tensor]] = dataclasses.field(
        default_factory=dict
    )

    def __post_init__(self):
        """Checks the values.

        Raises:
            InvalidType: One has the wrong type.
            InvalidValue: A name or number is invalid, two updates have a term of one
                name, or two groups one name or variable; or there are updates beside
                `measured`.
        """
        contract.name(self.name, of="a stage")
        updates = contract.items(
            self.updates,
            of=f"updates of the stage {self.name}",
            kind=Update,
            do="Write for instance (update,)",
        )
        object.__setattr__(self, "updates", updates)
        for name, takes in _FUNCTIONS.items():
            contract.function(getattr(self, name), of=name, takes=takes)
        if self.max_steps is not None:
            contract.whole(self.max_steps, of="max_steps", least=1)
        checks.measured(self.measured, has_updates=bool(updates), stage=self.name)
        checks.term_names(self.term_names, of=f"the stage {self.name}")
        checks.groups([update.groups for update in updates], stage=self.name)
        repeats = [update.repeats for update in updates]
        checks.shared(self.shared, repeats=repeats, stage=self.name)

    @classmethod
    def of(
        cls,
        name: str,
        *groups: Group,
        terms: Callable[..., types.Terms],
        weights: Mapping[str, Weight],
        **options,
    ) -> "Stage":
        """Returns a stage with one update of the same name.

        Args:
            name: The name of both.
            *groups: The groups of the update.
            terms: The update's terms.
            weights: The weights of the terms.
            **options: Further attributes of the stage.
        """
        update = Update(name, groups, terms=terms, weights=weights)
        return cls(name, (update,), **options)

    def source(self, data: image_set.ImageSet) -> object:
        """Returns the source of batches: the arrays of `cache`, the data, or both.

        Raises:
            InvalidType: `cache` returned something else than arrays by name.
            InvalidValue: They are not as long as the data, or replace their indices.
        """
        cached = self.cache(data)
        if cached is None:
            return data
        taken = _IN_BATCHES if self.keeps_images else _IN_BATCHES[:1]
        checks.cached(cached, size=len(data), stage=self.name, taken=taken)
        return pipeline.Beside(data, cached) if self.keeps_images else cached

    def inferred(self, batch: types.Batch, *, seed: tf.Tensor) -> types.Batch:
        """Returns a batch with the values of `infer`.

        Raises:
            InvalidValue: `infer` returned something else.
        """
        found = self.infer(batch, seed=seed)
        checks.inferred(found, batch=batch, stage=self.name)
        return found

    def forward(
        self, batch: types.Batch, *, seed: tf.Tensor, training: bool
    ) -> types.Batch:
        """Returns what is shared, of a batch with inferred values.

        Raises:
            InvalidValue: The batch has something else of that name.
        """
        checks.free(self.shared, batch=batch, stage=self.name)
        return {
            name: function(batch, seed=seed, training=training)
            for name, function in self.shared.items()
        }

    @property
    def term_names(self) -> tuple[str, ...]:
        """The names of the terms of all updates, or of those that are measured."""
        names = tuple(name for update in self.updates for name in update.weights)
        return names + tuple(self.measured)

    @property
    def is_measured(self) -> bool:
        """Whether there are terms of examples that are held out."""
        return self.is_validated and bool(self.term_names)

    @property
    def batches_per_step(self) -> int:
        """Number of batches per training step."""
        return max((update.repeats for update in self.updates), default=1)

    def steps_per_epoch(self, batches_per_epoch: int) -> int:
        """Returns the number of training steps per epoch, at least one."""
        return max(1, batches_per_epoch // self.batches_per_step)

    def total_steps(self, batches_per_epoch: int, *, epochs: int) -> int:
        """Returns the number of training steps of the stage."""
        if not self.updates:
            return 1
        steps = epochs * self.steps_per_epoch(batches_per_epoch)
        return steps if self.max_steps is None else min(steps, self.max_steps)


_IN_BATCHES = ("index", "image", "label", "mask", "vector")
"""What a batch of examples may have."""

_FUNCTIONS = {
    "prepare": "data",
    "begin_epoch": "data, *, seed",
    "cache": "data",
    "infer": "batch, *, seed",
}
"""The functions of a stage, with their arguments."""


def of_model(model: keras.Model) -> tuple[Stage, ...]:
    """Returns the stages of a model, which have distinct names.

    Raises:
        InvalidType: `stages` of the model returns something else.
        InvalidValue: Two stages have one name.
    """
    stages = contract.items(
        model.stages(),
        of=f"stages of {type(model).__name__}",
        kind=Stage,
        do="Return a tuple, for instance (stage,), from `stages`",
    )
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise errors.InvalidValue(
            "The stages of a model must have distinct names",
            received=", ".join(names),
            do="Rename one of them in the model's `stages`",
        )
    return stages


def turns(
    stage: Stage,
    batches: Mapping[tuple[int, ...], types.Batch],
    *,
    seed: tf.Tensor,
    forward: Callable[..., types.Batch],
) -> Iterator[tuple[Update, types.Batch, tf.Tensor]]:
    """Infers and shares once, then yields the turns of a stage's updates, in order.

    Args:
        stage: The stage.
        batches: A batch for each turn of an update that repeats, by its index, which is
            folded into the seeds: (0,), (1,), ... in training, and () in evaluation,
            which has a single turn.
        seed: A stateless seed.
        forward: Computes what is shared, `forward(batch, *, seed)`: `stage.forward`, in
            the mode and under the tape that the caller needs.

    Yields:
        turn: The update, its batch with inferred and shared values, and a seed.
    """
    batches = {
        turn: stage.inferred(batch, seed=seeds.fold(seed, 0, *turn))
        for turn, batch in batches.items()
    }
    last = len(stage.updates) + 1
    batches = {
        turn: {**batch, **forward(batch, seed=seeds.fold(seed, last, *turn))}
        for turn, batch in batches.items()
    }
    for index, update in enumerate(stage.updates):
        for turn in list(batches)[: update.repeats]:
            yield update, batches[turn], seeds.fold(seed, index + 1, *turn)


def evaluate(stage: Stage, batch: types.Batch, *, seed: types.Seed) -> types.Terms:
    """Evaluates the terms of a batch: `{name: [batch] or []}`.

    Args:
        stage: The stage.
        batch: From `stage.source`.
        seed: A stateless seed.
    """
    terms = {name: of(batch, seed=seed) for name, of in stage.measured.items()}
    forward = functools.partial(stage.forward, training=False)
    for update, given, own_seed in turns(
        stage, {(): batch}, seed=seed, forward=forward
    ):
        terms |= update.measure(given, seed=own_seed, training=False)
    return terms
