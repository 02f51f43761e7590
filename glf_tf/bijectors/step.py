# SPDX-License-Identifier: Apache-2.0
"""The base class of flow steps: Keras layers that build bijectors.

Keras owns the parameters, so that optimisers, checkpoints and `.keras` files have them;
TensorFlow Probability does the mathematics. A bijector has no state and is built anew
for each call: its own variables would be missing from checkpoints, and a stored
bijector would have a stale cache after an update.
"""

__all__ = ["AbstractFlowStep"]

import abc

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfb = tfp.bijectors


class AbstractFlowStep(keras.layers.Layer, abc.ABC):
    """An invertible map of vectors; `forward` runs from noise to data."""

    def __init__(self, event_dim: int, **kwargs):
        """Initializes the step.

        Args:
            event_dim: Size of the vectors.
            **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name`.
        """
        # Densities stay in full precision under a mixed-precision policy.
        kwargs["dtype"] = kwargs.get("dtype") or keras.config.floatx()
        super().__init__(**kwargs)
        self.event_dim = int(event_dim)

    def add_order(self, name: str, order: np.ndarray) -> keras.Variable:
        """Adds a permutation of the coordinates as a weight that does not train.

        Args:
            name: The weight's name.
            order: `[event_dim]`.
        """
        return self.add_weight(
            name=name,
            shape=(self.event_dim,),
            dtype="int32",
            trainable=False,
            autocast=False,
            initializer=lambda shape, dtype=None: tf.constant(order, tf.int32),
        )

    @abc.abstractmethod
    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data, over vectors `[event_dim]`.

        Args:
            training: Whether batch normalisation inside uses the batch's statistics.
        """

    def call(self, z, training=False):
        """Returns the noise of `z`, `[batch, event_dim]`, as Keras users expect."""
        return self.bijector(training=training).inverse(z)
