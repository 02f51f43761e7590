# SPDX-License-Identifier: Apache-2.0
"""Creates the optimisers of a model's groups from settings by group."""

__all__ = [
    "Optimizer",
    "check",
    "keras_name",
    "loss_factor",
    "make",
    "needs_loss_factor",
]

import dataclasses
from collections.abc import Iterable, Mapping

import keras
import tensorflow as tf

from glf_tf import errors
from glf_tf.training import adam, coupled, schedule
from glf_tf.training import moments as moments_lib
from glf_tf.training import options as options_lib
from glf_tf.training import stages as stages_lib


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """The optimiser of one group.

    Attributes:
        keras: The Keras optimiser, built for the group's variables.
        variables: The group's variables.
        clip_norm: Bound on the norm of the gradient over all replicas; 0 for none.
        bound: Bound on each number of the variables; 0 for none.
        moments: Moving moments of batch normalisation that have values for the averages
            of the variables, in `keras.averages` after those of the variables.
    """

    keras: coupled.Coupled
    variables: list
    clip_norm: float
    bound: float = 0.0
    moments: tuple = ()

    def apply(
        self, gradients: list[tf.Tensor], *, loss_factor: tf.Tensor | None = None
    ) -> None:
        """Applies gradients, summed over replicas; called in each replica.

        Args:
            gradients: Gradients of the loss, or of the loss times `loss_factor`; the
                latter are skipped if they are not finite.
            loss_factor: See `loss_factor`.
        """
        if loss_factor is None:
            self._apply(gradients)
            return
        is_finite = _are_finite(gradients)
        # A step that overflows for one variable or replica is skipped for all.
        factor = tf.where(is_finite, loss_factor, float("nan"))
        self._apply([gradient / factor for gradient in gradients])
        self.keras.adapt_loss_factor(_everywhere(is_finite))

    def _apply(self, gradients: list[tf.Tensor]) -> None:
        if self.clip_norm:
            gradients = _clipped(gradients, clip_norm=self.clip_norm)
        self.keras.apply(gradients, self.variables)
        for variable in self.variables if self.bound else ():
            value = tf.convert_to_tensor(variable)
            variable.assign(tf.clip_by_value(value, -self.bound, self.bound))

    @property
    def learning_rate(self) -> float:
        """The current learning rate."""
        return float(self.keras.learning_rate)


def needs_loss_factor(model: keras.Model) -> bool:
    """Returns whether a layer of a model computes in float16."""
    return any(layer.compute_dtype == "float16" for layer in model._flatten_layers())


def loss_factor(optimizers: Iterable[Optimizer]) -> tf.Tensor | None:
    """Returns the factor of an update's loss, for the optimisers of its groups.

    Each optimiser has its own factor, of which the smallest is used. None if nothing is
    computed in float16.
    """
    factors = [
        optimizer.keras.loss_factor
        for optimizer in optimizers
        if optimizer.keras.scales_loss
    ]
    if not factors:
        return None
    return tf.reduce_min(tf.stack([tf.convert_to_tensor(factor) for factor in factors]))


def check(
    stages: Iterable[stages_lib.Stage], *, options: options_lib.Optimizers
) -> None:
    """Checks settings against a model's stages.

    Raises:
        InvalidValue: A setting names an unknown group, or is out of range.
    """
    groups = [f"{stage.name}/{group.name}" for stage, _, group in _groups_of(stages)]
    _check_names(set(groups))
    options.check(groups)


def _check_names(groups: set[str]) -> None:
    """Checks that the optimisers, which checkpoints know by name, have their own."""
    names: dict[str, str] = {}
    for group in sorted(groups):
        other = names.setdefault(keras_name(group), group)
        if other != group:
            raise errors.InvalidValue(
                "The optimisers of a model must have distinct names",
                received=f"{keras_name(group)} for both {other} and {group}",
                do="Rename a stage or a group in the model's `stages`",
            )


def make(
    stages: Iterable[stages_lib.Stage],
    *,
    options: options_lib.Optimizers,
    batches_per_epoch: int,
    scales_loss: bool = False,
) -> dict[str, Optimizer]:
    """Returns a built optimiser for each group: `{"stage/group": optimizer}`.

    Call it in the strategy's scope.

    Args:
        stages: The model's stages.
        options: The settings.
        batches_per_epoch: Converts epochs of decay into iterations.
        scales_loss: Whether a network computes in float16; see `coupled.Coupled`.

    Raises:
        InvalidValue: A setting names an unknown group, or is out of range.
    """
    stages = tuple(stages)
    check(stages, options=options)
    return {
        f"{stage.name}/{group.name}": _build(
            f"{stage.name}/{group.name}",
            group,
            options=options.of(group.name, stage=stage.name),
            decay_at=options.decay_at,
            # Each repetition of an update is an iteration.
            iterations_per_epoch=stage.steps_per_epoch(batches_per_epoch)
            * update.repeats,
            scales_loss=scales_loss,
        )
        for stage, update, group in _groups_of(stages)
    }


def keras_name(name: str) -> str:
    """Returns the name of the Keras optimiser of a group "stage/group"."""
    return name.replace("/", "_")


def _groups_of(
    stages: Iterable[stages_lib.Stage],
) -> list[tuple[stages_lib.Stage, stages_lib.Update, stages_lib.Group]]:
    return [
        (stage, update, group)
        for stage in stages
        for update in stage.updates
        for group in update.groups
    ]


def _build(
    name: str,
    group: stages_lib.Group,
    *,
    options: dict[str, float | str],
    decay_at: Mapping[str, float],
    iterations_per_epoch: int,
    scales_loss: bool,
) -> Optimizer:
    decay = schedule.StepDecay(
        options["learning_rate"],
        every=int(options["decay_every"] * iterations_per_epoch),
        factor=options["decay_factor"],
        at={int(epoch) * iterations_per_epoch: f for epoch, f in decay_at.items()},
        warm_up=int(options["warm_up_epochs"] * iterations_per_epoch),
        curve=options["schedule"],
        curve_steps=int(options["schedule_epochs"] * iterations_per_epoch),
        end=options["schedule_end"],
    )
    rule, own = _RULES[options["optimizer"]]
    keras_optimizer = rule(
        decay,
        **{option: float(options[option]) for option in own},
        l2=options["weight_decay"],
        scales_loss=scales_loss,
        ema_decay=float(options["ema_decay"]),
        ema_start=float(options["ema_start"]),
        curve_steps=decay.curve_steps,
        # Keras numbers unnamed optimisers, and checkpoints have the names.
        name=keras_name(name),
    )
    # Required by tf.distribute, and for restoring checkpoints.
    keras_optimizer.build(group.variables)
    moments = moments_lib.of_group(group) if options["ema_decay"] else ()
    keras_optimizer.add_averages(moments)
    return Optimizer(
        keras_optimizer,
        group.variables,
        options["clip_norm"],
        bound=group.bound,
        moments=tuple(moments),
    )


_RULES = {
    "adam": (adam.Adam, ("beta_1", "beta_2", "beta_2_end", "epsilon")),
    "adamax": (coupled.Adamax, ("beta_1", "beta_2", "epsilon")),
    "rmsprop": (coupled.RMSprop, ("rho", "momentum", "epsilon")),
    "sgd": (coupled.SGD, ("momentum",)),
}
"""The class of each optimiser, and its options."""


def _clipped(gradients: list[tf.Tensor], *, clip_norm: float) -> list[tf.Tensor]:
    """Clips the sum over replicas; Keras would clip before the sum."""
    context = tf.distribute.get_replica_context()
    summed = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    clipped, _ = tf.clip_by_global_norm(summed, clip_norm)
    # `apply` sums over replicas again.
    return [gradient / context.num_replicas_in_sync for gradient in clipped]


def _are_finite(gradients: list[tf.Tensor]) -> tf.Tensor:
    finite = [tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients]
    return tf.reduce_all(tf.stack(finite))


def _everywhere(condition: tf.Tensor) -> tf.Tensor:
    """Returns whether a condition holds in all replicas, `[]`."""
    context = tf.distribute.get_replica_context()
    fails = 1.0 - tf.cast(condition, tf.float32)
    return context.all_reduce(tf.distribute.ReduceOp.SUM, fails) == 0.0
