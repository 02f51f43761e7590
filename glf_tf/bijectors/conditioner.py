# SPDX-License-Identifier: Apache-2.0
"""The network of a coupling: maps half of a vector to parameters."""

__all__ = ["Conditioner"]

import keras

from glf_tf.layers import normalization


@keras.saving.register_keras_serializable(package="glf_tf")
class Conditioner(keras.layers.Layer):
    """A multilayer perceptron whose last layer starts at zero.

    Two hidden layers, each `Dense -> ReLU (-> batch normalisation)`: the order of the
    GLF authors' code. Starting at zero makes the coupling start as the identity.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        *,
        hidden: int = 64,
        batch_norm: bool = False,
        **kwargs,
    ):
        """Initializes the network and its variables.

        Args:
            input_dim: Size of the input.
            output_dim: Size of the output.
            hidden: Width of the two hidden layers.
            batch_norm: Whether each hidden layer is normalised over the batch.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.dense_0 = keras.layers.Dense(
            hidden, activation="relu", dtype=self.dtype_policy, name="dense_0"
        )
        self.dense_1 = keras.layers.Dense(
            hidden, activation="relu", dtype=self.dtype_policy, name="dense_1"
        )
        self.dense_2 = keras.layers.Dense(
            output_dim,
            kernel_initializer="zeros",
            dtype=self.dtype_policy,
            name="dense_2",
        )
        self.norm_0 = self._norm("norm_0") if batch_norm else None
        self.norm_1 = self._norm("norm_1") if batch_norm else None
        self.build((None, input_dim))

    def _norm(self, name: str) -> keras.layers.Layer:
        return normalization.BatchNorm(dtype=self.dtype_policy, name=name)

    def build(self, input_shape):
        """Creates all variables; called by the constructor."""
        for layer in self._chain():
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
        self.built = True

    def _chain(self) -> list[keras.layers.Layer]:
        chain = [self.dense_0, self.norm_0, self.dense_1, self.norm_1, self.dense_2]
        return [layer for layer in chain if layer is not None]

    def call(self, x, training=False):
        """Returns `[batch, output_dim]` for `x` of shape `[batch, input_dim]`."""
        x = self.dense_0(x)
        if self.norm_0 is not None:
            x = self.norm_0(x, training=training)
        x = self.dense_1(x)
        if self.norm_1 is not None:
            x = self.norm_1(x, training=training)
        return self.dense_2(x)
