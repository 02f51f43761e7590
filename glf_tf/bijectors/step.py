# SPDX-License-Identifier: Apache-2.0
"""The base class of flow steps: Keras layers that build bijectors.

Keras owns the parameters, so that optimisers, checkpoints and `.keras` files have them;
TensorFlow Probability does the mathematics. A bijector has no state and is built anew
for each call: its own variables would be missing from checkpoints, and a stored
bijector would have a stale cache after an update.
"""

__all__ = ["AbstractFlowStep", "check_choice"]

import abc
from collections.abc import Sequence
from typing import get_args

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import errors

tfb = tfp.bijectors


class AbstractFlowStep(keras.layers.Layer, abc.ABC):
    """An invertible map of vectors or images; `forward` runs from noise to data.

    Attributes:
        event_shape: The shape of one example of the data: `(size,)` of vectors,
            `(height, width, channels)` of images.
        noise_shape: The shape of its noise, which has as many numbers.
        condition_dim: The size of the vectors that the map depends on, 0 for none.
        is_guidable: Whether `bijector` takes a `guidance`, if there is a condition.
    """

    is_guidable = False

    def __init__(
        self, event_shape: int | Sequence[int], *, condition_dim: int = 0, **kwargs
    ):
        """Initializes the step.

        Args:
            event_shape: The shape of an example; a number is the size of vectors.
            condition_dim: The size of the vectors that the map depends on; 0 for none.
            **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name`.
        """
        # Densities stay in full precision under a mixed-precision policy.
        kwargs["dtype"] = kwargs.get("dtype") or keras.config.floatx()
        super().__init__(**kwargs)
        self.event_shape = tuple(int(size) for size in np.ravel(event_shape))
        self.noise_shape = self.event_shape
        self.condition_dim = condition_dim
        if len(self.event_shape) == 1:
            (self.event_dim,) = self.event_shape

    @property
    def channels(self) -> int:
        """The size of the last axis: of vectors, their own."""
        return self.event_shape[-1]

    def add_order(self, name: str, order: np.ndarray) -> keras.Variable:
        """Adds a permutation as a weight that does not train.

        Args:
            name: The weight's name.
            order: `[size]`.
        """
        return self.add_weight(
            name=name,
            shape=(len(order),),
            dtype="int32",
            trainable=False,
            autocast=False,
            initializer=lambda shape, dtype=None: tf.constant(order, tf.int32),
        )

    @abc.abstractmethod
    def bijector(
        self, *, training: bool = False, condition: tf.Tensor | None = None
    ) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data, over events of `event_shape`.

        Args:
            training: Whether batch normalisation inside uses the batch's statistics.
            condition: What the map depends on, `[batch, condition_dim]`. A step without
                a `condition_dim` is given none and needs no such argument.
        """

    def start(self, x: tf.Tensor, *, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Sets what starts from data, such as the scale of `ActNorm`.

        Args:
            x: A batch of data, `[batch, *event_shape]`.
            condition: As for `bijector`; a step without one needs no such argument.

        Returns:
            eps: Its noise, `[batch, *noise_shape]`, by the weights as they now are.
        """
        return self.call(x, condition=condition)

    def call(self, x, training=False, condition=None):
        """Returns the noise of data, `[batch, *noise_shape]`, as Keras users expect."""
        given = {} if condition is None else {"condition": condition}
        return self.bijector(training=training, **given).inverse(x)

    def conditioned(self, x: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor:
        """Returns what a network is given: vectors, and the condition if there is one.

        Args:
            x: `[batch, size]`.
            condition: `[batch, condition_dim]`; None without a `condition_dim`.

        Returns:
            `[batch, size + condition_dim]`.

        Raises:
            InvalidValue: There is no condition, or one of another size.
        """
        size = 0 if condition is None else condition.shape[-1]
        if size != self.condition_dim:
            raise errors.InvalidValue(
                f"{type(self).__name__} depends on a condition [batch, "
                f"{self.condition_dim}]",
                received="none" if condition is None else f"{tuple(condition.shape)}",
                do="Pass bijector(condition=...), or make it with that condition_dim",
            )
        if condition is None:
            return x
        return tf.concat([x, tf.cast(condition, x.dtype)], axis=-1)


def check_choice(name: str, value: object, literal: object) -> None:
    """Checks an option of a step, whose values are those of a `Literal`.

    Raises:
        InvalidValue: It has another value.
    """
    if value not in get_args(literal):
        raise errors.InvalidValue(
            f"`{name}` of a flow step must be one of its choices",
            received=f"{name}={value!r}",
            do=errors.suggestion(str(value), get_args(literal)),
        )
