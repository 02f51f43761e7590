# SPDX-License-Identifier: Apache-2.0
"""A masked network: parameters of each coordinate of vectors, given those before it.

Germain, Gregor, Murray, Larochelle: MADE: Masked Autoencoder for Distribution
Estimation, 2015. https://arxiv.org/abs/1502.03509
Papamakarios, Pavlakou, Murray: Masked Autoregressive Flow for Density Estimation, 2017,
section 3.1. https://arxiv.org/abs/1705.07057
"""

__all__ = ["MADE", "hidden_degrees"]

import keras
import tensorflow as tf

from glf_tf.layers import masked_dense


@keras.saving.register_keras_serializable(package="glf_tf")
class MADE(keras.layers.Layer):
    """The parameters of coordinate i are functions of the coordinates before i alone.

        plain:     h = relu(W x + b), and `depth - 1` times h = relu(W h + b)
        residual:  h = W x + b, `depth` times h = h + W'' relu(W' relu(h) + b') + b'',
                   h = relu(h)
        parameters = V h + c

    Kernels are masked by degrees (`MaskedDense`). V and c start at zero, so that a step
    can start as the identity. The parameters of the first coordinate are constants.

    Deviation: degrees of hidden units are spread evenly, where the paper of MADE draws
        them. So each layer sees all coordinates, even with fewer units than those.
    """

    def __init__(
        self,
        event_dim: int,
        num_parameters: int,
        *,
        hidden: int = 256,
        depth: int = 2,
        residual: bool = False,
        **kwargs,
    ):
        """Initializes the network and its variables.

        Args:
            event_dim: Size of the vectors.
            num_parameters: Number of parameters of a coordinate.
            hidden: Width of the hidden layers.
            depth: Number of hidden layers, or of residual blocks of two each.
            residual: Whether there are residual blocks.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self._event_dim, self._num_parameters = event_dim, num_parameters
        self._depth, self._residual = depth, residual
        inputs = range(1, event_dim + 1)
        inner = hidden_degrees(event_dim, hidden)
        outputs = [i for i in range(event_dim) for _ in range(num_parameters)]
        with keras.name_scope(self.name):
            self.input_layer = self._dense("input", inputs, inner)
            for name in self._inner_names():
                # An attribute each: checkpoints do not track Keras' lists.
                setattr(self, name, self._dense(name, inner, inner))
            self.output_layer = self._dense(
                "output", inner, outputs, kernel_initializer="zeros"
            )
        self.built = True

    def _inner_names(self) -> list[str]:
        if not self._residual:
            return [f"inner_{layer}" for layer in range(self._depth - 1)]
        parts = ("first", "second")
        return [f"{part}_{block}" for block in range(self._depth) for part in parts]

    def _dense(self, name: str, *degrees, **options) -> masked_dense.MaskedDense:
        return masked_dense.MaskedDense(
            *degrees, dtype=self.dtype_policy, name=name, **options
        )

    def call(self, x):
        """Returns the parameters of all coordinates.

        Args:
            x: `[batch, event_dim]`.

        Returns:
            parameters: `[batch, event_dim, num_parameters]`.
        """
        outputs = self.output_layer(self._features(x))
        split = [*tf.unstack(tf.shape(x)[:-1]), self._event_dim, self._num_parameters]
        return tf.reshape(outputs, split)

    def of_coordinate(self, x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        """Returns the parameters of one coordinate, `[batch, num_parameters]`."""
        count = self._num_parameters
        return self.output_layer.columns(self._features(x), index * count, count=count)

    def _features(self, x: tf.Tensor) -> tf.Tensor:
        h = self.input_layer(x)
        layers = [getattr(self, name) for name in self._inner_names()]
        if self._residual:
            for first, second in zip(layers[::2], layers[1::2], strict=True):
                h += second(tf.nn.relu(first(tf.nn.relu(h))))
            return tf.nn.relu(h)
        for layer in layers:
            h = layer(tf.nn.relu(h))
        return tf.nn.relu(h)


def hidden_degrees(event_dim: int, hidden: int) -> list[int]:
    """Returns the degrees of hidden units, evenly spread from 1 to `event_dim - 1`.

    A unit of degree 0 would be a constant, one of degree `event_dim` seen by no output:
    of a vector of one coordinate, all are.
    """
    last, gaps = max(event_dim - 1, 1), max(hidden - 1, 1)
    # Rounded in whole numbers, alike on all machines.
    return [1 + (2 * unit * (last - 1) + gaps) // (2 * gaps) for unit in range(hidden)]
