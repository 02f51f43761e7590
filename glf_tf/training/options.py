# SPDX-License-Identifier: Apache-2.0
"""The settings of training, as plain values; nothing here loads TensorFlow."""

__all__ = ["PerGroup", "PerGroupName", "Optimizers", "Training"]

import dataclasses
import operator
import typing
from collections.abc import Iterable, Mapping

from glf_tf import errors
from glf_tf.training import contract

PerGroup = Mapping[str, float]
"""Values of groups by name, with the value of all others under "".

A group that learns in several stages can have a value for one of them, under
"stage/group"."""

OptimizerName = typing.Literal["adam", "adamax", "rmsprop", "sgd"]
ScheduleName = typing.Literal["constant", "cosine", "exponential"]
PerGroupName = Mapping[str, str]
"""Names by group, with the name for all others under ""."""


@dataclasses.dataclass(frozen=True)
class Optimizers:
    """The settings of the optimisers, each for all groups or by group.

    Attributes:
        optimizer: The optimiser: adam, adamax, rmsprop or sgd.
        learning_rate: The initial learning rate.
        beta_1: Decay of the first moment (adam, adamax).
        beta_2: Decay of the second moment (adam) or of the norm (adamax).
        beta_2_end: beta_2 at the end of a cosine `schedule` (adam); 0 for no change.
        epsilon: Added to the root of the second moment (adam), to the norm (adamax), or
            below the root (rmsprop).
        momentum: Momentum (rmsprop, sgd).
        rho: Decay of the second moment (rmsprop).
        weight_decay: L2 in the gradient, as in PyTorch's Adam; not decoupled.
        clip_norm: Bound on the norm of a group's gradient; 0 for none.
        decay_every: Epochs between decays of the learning rate; 0 for none.
        decay_factor: Factor of each decay.
        warm_up_epochs: Epochs in which the learning rate increases linearly from 0.
        schedule: The curve of the learning rate to `schedule_end`: constant (none),
            cosine or exponential.
        schedule_epochs: Epochs of the curve, from the start of the stage.
        schedule_end: Factor on the learning rate at the end of the curve.
        ema_decay: Decay of averages of the weights, which are used for sampling,
            evaluation and export; 0 for none.
        ema_start: Half-life of the averages at the start of a cosine `schedule`,
            relative to that of `ema_decay`; 1 for no change.
        decay_at: Epochs at which all learning rates are multiplied by a factor, as
            EPOCH:FACTOR, in addition to `decay_every`.
    """

    optimizer: Mapping[str, OptimizerName] = dataclasses.field(
        default_factory=lambda: {"": "adam"}
    )
    learning_rate: PerGroup = dataclasses.field(default_factory=lambda: {"": 1e-3})
    beta_1: PerGroup = dataclasses.field(default_factory=lambda: {"": 0.9})
    beta_2: PerGroup = dataclasses.field(default_factory=lambda: {"": 0.999})
    beta_2_end: PerGroup = dataclasses.field(default_factory=lambda: {"": 0.0})
    epsilon: PerGroup = dataclasses.field(default_factory=lambda: {"": 1e-8})
    momentum: PerGroup = dataclasses.field(default_factory=lambda: {"": 0.0})
    rho: PerGroup = dataclasses.field(default_factory=lambda: {"": 0.9})
    weight_decay: PerGroup = dataclasses.field(default_factory=lambda: {"": 0.0})
    clip_norm: PerGroup = dataclasses.field(default_factory=lambda: {"": 0.0})
    decay_every: PerGroup = dataclasses.field(default_factory=lambda: {"": 0})
    decay_factor: PerGroup = dataclasses.field(default_factory=lambda: {"": 0.5})
    warm_up_epochs: PerGroup = dataclasses.field(default_factory=lambda: {"": 0})
    schedule: Mapping[str, ScheduleName] = dataclasses.field(
        default_factory=lambda: {"": "constant"}
    )
    schedule_epochs: PerGroup = dataclasses.field(default_factory=lambda: {"": 0})
    schedule_end: PerGroup = dataclasses.field(default_factory=lambda: {"": 0.01})
    ema_decay: PerGroup = dataclasses.field(default_factory=lambda: {"": 0.0})
    ema_start: PerGroup = dataclasses.field(default_factory=lambda: {"": 1.0})
    decay_at: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        """Checks the values.

        Raises:
            InvalidType: A value has the wrong type.
            InvalidValue: A value is out of range, or `decay_at` has no epochs.
        """
        for name in _PER_GROUP:
            check = _checked_name if name in _NAMES else _checked_number
            values = {
                _checked_key(name, key): check(name, value)
                for key, value in getattr(self, name).items()
            }
            object.__setattr__(self, name, values)
        object.__setattr__(self, "decay_at", _checked_decays(self.decay_at))

    def check(self, groups: Iterable[str]) -> None:
        """Checks that all named groups exist.

        Args:
            groups: The groups of the model, as "stage/group".

        Raises:
            InvalidValue: A group does not exist, or its optimiser has no such option.
        """
        full = list(groups)
        groups = sorted({group.rpartition("/")[2] for group in full} | set(full))
        for name in _PER_GROUP:
            for group, value in getattr(self, name).items():
                if group and group not in groups:
                    raise errors.InvalidValue(
                        f"`{name}` can only be set for groups of the model",
                        received=f"{name}={group}:{value}",
                        do=errors.suggestion(group, groups),
                    )
        for owners, name, value in self._changed(full):
            self._check_has(owners, name=name, value=value)
        for group in full:
            self._check_schedule(group)

    def _changed(self, groups: list[str]) -> Iterable[tuple[list[str], str, float]]:
        """Yields settings that differ from their defaults, with their groups."""
        defaults = Optimizers._defaults()
        for name in _OWNERS:
            for key, value in getattr(self, name).items():
                if value != defaults[name]:
                    meant = [
                        group for group in groups if key in ("", _leaf(group), group)
                    ]
                    yield meant, name, value

    def _check_has(self, groups: list[str], *, name: str, value: float) -> None:
        chosen = {group: self._of(group)["optimizer"] for group in groups}
        if chosen and not set(chosen.values()) & set(_OWNERS[name]):
            group = groups[0]
            raise errors.InvalidValue(
                f"`{name}` is an option of {' and '.join(_OWNERS[name])}",
                received=f"{name}={value} for the group {group}, which has "
                f"{chosen[group]}",
                do=f"Remove it, or set the optimizer of {_leaf(group)} to "
                f"{_OWNERS[name][0]}",
            )

    def _check_schedule(self, group: str) -> None:
        chosen = self._of(group)
        if chosen["schedule"] != "constant" and not chosen["schedule_epochs"]:
            raise errors.InvalidValue(
                "A schedule needs the number of its epochs",
                received=f"schedule={chosen['schedule']} and schedule_epochs=0 for "
                f"the group {group}",
                do="Set schedule_epochs, for instance to the stage's epochs",
            )
        follows = [name for name, same in _FOLLOWERS.items() if chosen[name] != same]
        if follows and chosen["schedule"] != "cosine":
            raise errors.InvalidValue(
                f"`{follows[0]}` follows a cosine schedule",
                received=f"{follows[0]}={chosen[follows[0]]} and "
                f"schedule={chosen['schedule']} for the group {group}",
                do="Use schedule=cosine; schedule_end=1 keeps the learning rate",
            )

    @staticmethod
    def _defaults() -> dict[str, float | str]:
        return Optimizers().of("", stage="")

    def _of(self, group: str) -> dict[str, float | str]:
        stage, _, leaf = group.rpartition("/")
        return self.of(leaf, stage=stage)

    def of(self, group: str, *, stage: str) -> dict[str, float | str]:
        """Returns the settings of one group in one stage."""
        values = {name: getattr(self, name) for name in _PER_GROUP}
        return {
            name: value.get(f"{stage}/{group}", value.get(group, value[""]))
            for name, value in values.items()
        }


@dataclasses.dataclass(frozen=True)
class Training:
    """The settings of training.

    Attributes:
        epochs: Epochs by stage, and of all other stages under "".
        batch_size: Images per step, over all replicas.
        seed: Seed of the order of images and all random numbers.
        jit_compile: Whether XLA compiles the forward and backward passes.
        gradient_norms: Whether to report the norm of each group's gradient.
    """

    epochs: Mapping[str, int]
    batch_size: int
    seed: int = 0
    jit_compile: bool = False
    gradient_norms: bool = False

    def __post_init__(self):
        """Checks the values.

        Raises:
            InvalidType: Seed or batch size is not a whole number, or a stage's name is
                no text.
            InvalidValue: Epochs are not whole numbers or negative, or seed or batch
                size are out of range.
        """
        object.__setattr__(self, "epochs", _checked_epochs(self.epochs))
        for name in ("batch_size", "seed"):
            value = contract.whole(getattr(self, name), of=name)
            object.__setattr__(self, name, value)
        if not 0 <= self.seed < 2**31:
            raise errors.InvalidValue(
                "The seed of training must be between 0 and 2,147,483,647",
                received=f"seed={self.seed}",
                do="Use a number in that range",
            )
        if self.batch_size < 1:
            raise errors.InvalidValue(
                "A step needs at least one example",
                received=f"batch_size={self.batch_size}",
                do="Use a positive number",
            )

    def check(self, stages: Iterable[str]) -> None:
        """Checks that all named stages exist.

        Raises:
            InvalidValue: A stage does not exist.
        """
        known = sorted(stages)
        for stage, epochs in self.epochs.items():
            if stage and stage not in known:
                raise errors.InvalidValue(
                    "`epochs` can only be set for stages of the model",
                    received=f"epochs={stage}:{epochs}",
                    do=errors.suggestion(stage, known),
                )

    def epochs_of(self, stage: str) -> int:
        """Returns the epochs of a stage."""
        return self.epochs.get(stage, self.epochs.get("", 0))


_PER_GROUP = tuple(
    field.name for field in dataclasses.fields(Optimizers) if field.name != "decay_at"
)


_NAMES = {
    "optimizer": typing.get_args(OptimizerName),
    "schedule": typing.get_args(ScheduleName),
}

_OWNERS = {
    "beta_1": ("adam", "adamax"),
    "beta_2": ("adam", "adamax"),
    "beta_2_end": ("adam",),
    "epsilon": ("adam", "adamax", "rmsprop"),
    "momentum": ("rmsprop", "sgd"),
    "rho": ("rmsprop",),
}
"""The optimisers of options that not all have."""

_FOLLOWERS = {"beta_2_end": 0.0, "ema_start": 1.0}
"""The options that follow the schedule, with their values for no change."""


def _leaf(group: str) -> str:
    return group.rpartition("/")[2]


def _checked_key(name: str, key: object) -> str:
    """Returns the name of a group, or "" for all."""
    if not isinstance(key, str):
        raise errors.InvalidType(
            f"`{name}` must be set by the name of a group",
            received=f"{name}={key!r}: ...",
            do='Use for instance {"": 1e-3, "flow": 5e-4}',
        )
    return key


def _checked_name(name: str, value: object) -> str:
    if value not in _NAMES[name]:
        raise errors.InvalidValue(
            f"`{name}` is one of {', '.join(_NAMES[name])}",
            received=f"{name}={value}",
            do=errors.suggestion(str(value), _NAMES[name]),
        )
    return value


def _checked_number(name: str, value: object) -> float:
    """Returns a number in its range."""
    low, high = _RANGES[name]
    do = "Pass a number; decay_at, decay_every and schedule let learning rates fall"
    value = contract.number(value, of=name, do=do)
    if not low <= value <= high:
        raise errors.InvalidValue(
            f"`{name}` must lie between {low} and {high}",
            received=f"{name}={value}",
            do="Use a value in that range",
        )
    return value


def _checked_decays(decays: Mapping[object, object]) -> dict[str, float]:
    """Returns factors by epoch, which is text, as in JSON."""
    found = {}
    for epoch, factor in decays.items():
        if not str(epoch).isdecimal():
            raise errors.InvalidValue(
                "`decay_at` takes comma-separated EPOCH:FACTOR",
                received=f"decay_at={epoch}:{factor}",
                do="Use for instance --decay_at=30:0.5,50:0.2, or decay_at={30: 0.5} "
                "in Python",
            )
        found[str(epoch)] = _checked_number("decay_factor", factor)
    return found


def _checked_epochs(epochs: object) -> dict[str, int]:
    """Returns epochs by stage."""
    if not isinstance(epochs, Mapping):
        epochs = {"": epochs}
    if not epochs or not all(isinstance(stage, str) for stage in epochs):
        raise errors.InvalidType(
            "`epochs` must be set by the name of a stage",
            received=f"epochs={dict(epochs)}",
            do='Use for instance {"": 10, "flow": 5}',
        )
    return {stage: _checked_count(stage, count) for stage, count in epochs.items()}


def _checked_count(stage: str, count: object) -> int:
    """Returns the epochs of a stage."""
    try:
        known = operator.index(count)
    except TypeError:
        known = -1
    if not 0 <= known <= _MOST_EPOCHS:
        raise errors.InvalidValue(
            f"Epochs must be whole numbers between 0 and {_MOST_EPOCHS:,}",
            received=f"epochs={stage}{':' if stage else ''}{count!r}",
            do="Use 0 for no training, or a positive number",
        )
    return known


_MOST_EPOCHS = 10**9

_RANGES = {
    "learning_rate": (0.0, 10.0),
    "beta_1": (0.0, 0.9999),
    "beta_2": (0.0, 0.999999),
    "beta_2_end": (0.0, 0.999999),
    "epsilon": (0.0, 1.0),
    "momentum": (0.0, 0.9999),
    "rho": (0.0, 0.999999),
    "weight_decay": (0.0, 1.0),
    "clip_norm": (0.0, 1e9),
    "decay_every": (0, 1e6),
    "decay_factor": (0.0, 1.0),
    "warm_up_epochs": (0, 1e6),
    "schedule_epochs": (0, 1e6),
    "schedule_end": (1e-9, 1.0),
    "ema_decay": (0.0, 0.9999999),
    "ema_start": (0.0, 1.0),
}
