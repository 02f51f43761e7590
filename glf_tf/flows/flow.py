# SPDX-License-Identifier: Apache-2.0
"""The base class of flows: chains of steps, from data (first) to noise (last)."""

__all__ = [
    *("AbstractFlow", "AbstractStartedFlow"),
    *("check_shape", "check_sizes", "make"),
]

import abc
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import catalogue, errors, naming, parts, types
from glf_tf.bijectors import guidance as guidance_lib
from glf_tf.bijectors import step

tfb = tfp.bijectors


class AbstractFlow(parts.Part, step.AbstractFlowStep):
    """A flow step made of flow steps, in the order from data to noise."""

    part_kind = "flow"

    def __init__(self, event_shape: int | Sequence[int], **kwargs):
        """Initializes the flow: its steps are those of `make_steps`.

        Args:
            event_shape: Size of the vectors, or shape of the images.
            **kwargs: As in `AbstractFlowStep`. Steps that depend on a condition are to
                be made with the flow's `condition_dim`.

        Raises:
            Unsupported: There is a condition, and no step depends on it.
        """
        super().__init__(event_shape, **kwargs)
        # The scope gives every variable a unique path, which checkpoints need.
        with keras.name_scope(self.name):
            steps = self._checked(self.make_steps())
        self._check_condition(steps)
        # An attribute each: `tf.train.Checkpoint` does not track Keras' lists.
        self._step_names = tuple(_attributes(type(self), steps))
        for name, layer in zip(self._step_names, steps, strict=True):
            setattr(self, name, layer)
        self.is_guidable = any(getattr(layer, "is_guidable", False) for layer in steps)
        self.built = True

    @property
    def steps(self) -> list[step.AbstractFlowStep]:
        """The steps; the first one is next to the data."""
        return [getattr(self, name) for name in self._step_names]

    @abc.abstractmethod
    def make_steps(self) -> list[step.AbstractFlowStep]:
        """Returns new steps; the first one is next to the data."""

    def _checked(self, steps: object) -> list[step.AbstractFlowStep]:
        """Returns the steps, each of which takes what the one before it leaves."""
        steps = list(steps) if isinstance(steps, Iterable) else [steps]
        shape = self.event_shape
        for layer in steps:
            shape = self._shape_after(layer, shape)
        self._check_end(shape)
        return steps

    def _shape_after(self, layer: object, shape: tuple | None) -> tuple | None:
        """Returns what a step leaves of data of a shape; None for nothing.

        Raises:
            InvalidType: It is no flow step.
            InvalidValue: It is made for another shape.
        """
        if not isinstance(layer, step.AbstractFlowStep):
            raise errors.InvalidType(
                "`make_steps` must return flow steps",
                received=f"{type(layer).__name__} in {type(self).__name__}",
                do="Return a list of objects of AbstractFlowStep",
            )
        check_shape(layer, shape)
        return layer.noise_shape

    def _check_end(self, shape: tuple | None) -> None:
        """Checks what the last step leaves."""

    def _check_condition(self, steps: list[step.AbstractFlowStep]) -> None:
        sizes = {getattr(layer, "condition_dim", 0) for layer in steps} - {0}
        if sizes != {self.condition_dim} - {0}:
            raise errors.Unsupported(
                "The steps of a flow must depend on its condition, if it has any",
                received=f"{type(self).__name__} of condition_dim={self.condition_dim},"
                f" with steps of {sorted(sizes) or 0}",
                do="Make couplings with condition_dim=self.condition_dim, or use"
                " real_nvp",
            )

    def bijector(
        self,
        *,
        training: bool = False,
        condition: tf.Tensor | None = None,
        guidance: float | tf.Tensor = 1.0,
    ) -> tfb.Bijector:
        """Returns a fresh `tfb.Chain` from noise to data.

        Args:
            training: As in `AbstractFlowStep`.
            condition: `[batch, condition_dim]`, if the flow has one.
            guidance: As in `bijectors.guidance`, for those steps that take it.
        """

        def given(layer: step.AbstractFlowStep) -> dict[str, tf.Tensor | float]:
            is_guided = layer.is_guidable and guidance_lib.has_effect(guidance)
            guided = {"guidance": guidance} if is_guided else {}
            return _given(layer, condition) | guided

        # A chain's forward applies its last bijector first: noise enters at the end.
        steps = [
            layer.bijector(training=training, **given(layer)) for layer in self.steps
        ]
        # By itself it is named for all of them, in each of an exported graph's nodes.
        return _Chain(steps, name="flow")


class AbstractStartedFlow(AbstractFlow):
    """A flow that starts from data, once: a weight knows it, also where it is saved."""

    def __init__(self, event_shape: int | Sequence[int], **kwargs):
        """Initializes the flow, which is not started.

        Args:
            event_shape: Size of the vectors, or shape of the images.
            **kwargs: As in `AbstractFlow`.
        """
        super().__init__(event_shape, **kwargs)
        self.is_started = self.add_weight(
            name="is_started",
            shape=(),
            dtype="bool",
            initializer="zeros",
            trainable=False,
            autocast=False,
        )

    def start(self, x: tf.Tensor, *, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Sets what starts from data, unless it is started.

        Args:
            x: A batch of data, `[batch, *event_shape]`.
            condition: `[batch, condition_dim]`, if the flow has one.

        Returns:
            eps: Its noise, `[batch, *noise_shape]`.
        """
        if not self.is_started.numpy():
            self._start_steps(x, condition)
            self.is_started.assign(True)
        return self.bijector(**_given(self, condition)).inverse(x)

    def _start_steps(self, x: tf.Tensor, condition: tf.Tensor | None) -> None:
        """Starts the steps, each from what those before it make of the data."""
        for layer in self.steps:
            x = layer.start(x, **_given(layer, condition))


def _given(
    layer: step.AbstractFlowStep, condition: tf.Tensor | None
) -> dict[str, tf.Tensor]:
    """Returns what a step is given of a condition: nothing, if it has none."""
    return {"condition": condition} if layer.condition_dim else {}


def _attributes(cls: type, steps: list[step.AbstractFlowStep]) -> Iterator[str]:
    """Yields the attributes that hold a flow's steps, which `.keras` files name.

    The steps of a user-defined flow may have names that Keras numbered, which differ
    between processes.
    """
    is_ours = naming.is_ours(cls)
    for index, layer in enumerate(steps):
        yield layer.name if is_ours else f"step_{index}"


class _Chain(tfb.Chain):
    """A `tfb.Chain`, even if its bijectors are not composite tensors.

    `tfb.Chain` itself would then create an instance of another class. As always if
    parts have functions, a traced function must capture the chain, not take it as an
    argument.
    """


def check_shape(layer: keras.layers.Layer, shape: tuple | None) -> None:
    """Checks that a step takes what is left of the data before it.

    Raises:
        InvalidValue: It is made for another shape, or nothing is left.
    """
    if layer.event_shape != shape:
        left = "nothing" if shape is None else f"event_shape={shape}"
        raise errors.InvalidValue(
            "A step of a flow must take what the step before it leaves",
            received=f"{layer.name} of event_shape={layer.event_shape}, where {left} "
            "is left",
            do="Make it with the `noise_shape` of the step before, or the `kept_shape`"
            " of a FactorOut",
        )


def make(value: types.Flow, *, condition_dim: int = 0, **size: Any) -> AbstractFlow:
    """Returns the flow that is given, as `parts.make` does.

    Args:
        value: An object, a specification or a name.
        condition_dim: The size of the vectors that it depends on; 0 for none.
        **size: `event_dim` of vectors, or `event_shape` of images.

    Raises:
        InvalidType: It is no flow.
        InvalidValue: It is one on vectors where images are needed, or the reverse; or
            it cannot be built, or is of another size, or made for another condition.
        Unsupported: It depends on no condition.
    """
    wanted = next(iter(size))
    named = isinstance(value, (str, Mapping)) and catalogue.name_of(value)
    cls = catalogue.load("flow", named) if named else type(value)
    if _has_constructor_of_base(cls):  # one of its own says which it takes
        size = {"event_shape": tuple(np.ravel(size[wanted]).tolist())}
    elif issubclass(cls, AbstractFlow) and not takes(cls, wanted):
        kind, example = _EXAMPLES[wanted]
        raise errors.InvalidValue(
            f"A flow on {kind} is needed here",
            received=named or cls.__name__,
            do=f"Use for instance {example}",
        )
    given = {"condition_dim": condition_dim} if condition_dim else {}
    made = parts.make("flow", value, **size, **given, name="flow")
    if made.condition_dim != condition_dim:
        raise errors.InvalidValue(
            f"The flow must be made for condition_dim={condition_dim}",
            received=f"{type(made).__name__} of condition_dim={made.condition_dim}",
            do=f"Make it with condition_dim={condition_dim}",
        )
    return made


def takes(cls: type, size: str) -> bool:
    """Returns whether a class of flows takes a size, or may take any.

    Args:
        cls: The class.
        size: "event_dim", that of vectors, or "event_shape", that of images.
    """
    parameters = inspect.signature(cls.__init__).parameters
    taken = [name for name in _EXAMPLES if name in parameters]
    return _has_constructor_of_base(cls) or not taken or size in taken


def _has_constructor_of_base(cls: type) -> bool:
    """Returns whether a class has the constructor of a base class of flows."""
    owner = next(base for base in cls.__mro__ if "__init__" in vars(base))
    return owner in (AbstractFlow, AbstractStartedFlow)


_EXAMPLES = {"event_dim": ("vectors", "real_nvp"), "event_shape": ("images", "glow")}
"""What a size is that of, and an example, by the argument that takes it."""


def check_sizes(**sizes: int) -> None:
    """Checks a flow's sizes, by name.

    Raises:
        InvalidValue: A size is smaller than 1.
    """
    for name, size in sizes.items():
        if size < 1:
            raise errors.InvalidValue(
                f"A flow's `{name}` must be at least 1",
                received=f"{name}={size}",
                do="Use a positive whole number",
            )
