# SPDX-License-Identifier: Apache-2.0
"""A fixed permutation of coordinates, random or a reversal, saved with the weights."""

__all__ = ["Permutation"]

from typing import Literal

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import step

tfb = tfp.bijectors

_Order = Literal["random", "reversed"]


@keras.saving.register_keras_serializable(package="glf_tf")
class Permutation(step.AbstractFlowStep):
    """A permutation; towards noise, `eps[..., i] = z[..., permutation[i]]`.

    It is a non-trainable weight: a constant would be missing from checkpoints, and a
    model with another seed would silently be restored wrongly.
    """

    def __init__(
        self, event_dim: int, *, order: _Order = "random", seed: int = 0, **kwargs
    ):
        """Initializes the step with its permutation.

        Args:
            event_dim: Size of the vectors.
            order: Whether it is random, or reverses the order of coordinates.
            seed: Seed of NumPy's legacy generator, which the authors' code of GLF uses:
                seed `k` gives the permutation of their block `k`.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(event_dim, **kwargs)
        step.check_choice("order", order, _Order)
        drawn = np.random.RandomState(seed).permutation(event_dim)
        chosen = drawn if order == "random" else np.arange(event_dim)[::-1]
        self.permutation = self.add_order("permutation", chosen)
        self.built = True

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        return tfb.Invert(tfb.Permute(tf.convert_to_tensor(self.permutation)))
