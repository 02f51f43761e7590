# SPDX-License-Identifier: Apache-2.0
"""A masked network: parameters of each coordinate of vectors, given those before it.

Germain, Gregor, Murray, Larochelle: MADE: Masked Autoencoder for Distribution
Estimation, 2015. https://arxiv.org/abs/1502.03509
Papamakarios, Pavlakou, Murray: Masked Autoregressive Flow for Density Estimation, 2017,
section 3.1. https://arxiv.org/abs/1705.07057
"""

__all__ = ["MADE", "hidden_degrees"]

from collections.abc import Callable

import keras
import tensorflow as tf

from glf_tf.bijectors.conditioners import autoregressive
from glf_tf.layers import masked_dense


@keras.saving.register_keras_serializable(package="glf_tf")
class MADE(autoregressive.AbstractAutoregressiveNetwork):
    """The parameters of coordinate i are functions of the coordinates before i alone.

        plain:     h = relu(W x + b), and `depth - 1` times h = relu(W h + b)
        residual:  h = W x + b, `depth` times h = h + W'' relu(W' relu(h) + b') + b'',
                   h = relu(h)
        parameters = V h + c

    Kernels are masked by degrees (`MaskedDense`). V and c start at zero, so that a step
    can start as the identity. The parameters of the first coordinate see none. A token
    is one coordinate.

    A condition, if there is one, has degree 0: all parameters depend on it.

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
        condition_dim: int = 0,
        **kwargs,
    ):
        """Initializes the network and its variables.

        Args:
            event_dim: Size of the vectors.
            num_parameters: Number of parameters of a coordinate.
            hidden: Width of the hidden layers.
            depth: Number of hidden layers, or of residual blocks of two each.
            residual: Whether there are residual blocks.
            condition_dim: Size of the condition, which follows the vector.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self._event_dim, self._num_parameters = event_dim, num_parameters
        self._hidden, self._depth, self._residual = hidden, depth, residual
        inputs = [*range(1, event_dim + 1), *[0] * condition_dim]
        inner = hidden_degrees(event_dim, hidden, first=0 if condition_dim else 1)
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

    def call(self, x, training=False):
        """Returns the parameters of all coordinates, `[batch, event_dim, count]`."""
        del training
        features = self._features(x, lambda layer, h: layer(h))
        outputs = self.output_layer(features)
        split = [*tf.unstack(tf.shape(x)[:-1]), self._event_dim, self._num_parameters]
        return tf.reshape(outputs, split)

    def none_known(self, x):
        """Returns zeros for the outputs of each hidden layer, `[batch, hidden]`."""
        zeros = tf.zeros_like(x[..., :1]) + tf.zeros([self._hidden], x.dtype)
        return (zeros,) * (1 + len(self._inner_names()))

    def of_token(self, x, index, known):
        """Returns the parameters of a coordinate, `[batch, 1, count]`.

        It computes each hidden unit once: `known` has 0 for units of this degree and
        above.
        """
        outputs = []

        def apply(layer, h):
            outputs.append(known[len(outputs)] + layer.of_degree(h, index))
            return outputs[-1]

        features, count = self._features(x, apply), self._num_parameters
        parameters = self.output_layer.columns(features, index * count, count=count)
        return parameters[..., None, :], tuple(outputs)

    def _features(self, x: tf.Tensor, apply: Callable) -> tf.Tensor:
        """Returns the last hidden units; `apply` gives the output of each layer."""
        h = apply(self.input_layer, x)
        layers = [getattr(self, name) for name in self._inner_names()]
        if self._residual:
            for first, second in zip(layers[::2], layers[1::2], strict=True):
                h += apply(second, tf.nn.relu(apply(first, tf.nn.relu(h))))
            return tf.nn.relu(h)
        for layer in layers:
            h = apply(layer, tf.nn.relu(h))
        return tf.nn.relu(h)


def hidden_degrees(event_dim: int, hidden: int, *, first: int = 1) -> list[int]:
    """Returns the degrees of hidden units, evenly spread from `first` to the last.

    The last is `event_dim - 1`, as no output sees a unit of degree `event_dim`; of one
    coordinate it is `first`. A unit of degree 0 is a function of the condition alone.
    """
    reach, gaps = max(event_dim - 1 - first, 0), max(hidden - 1, 1)
    # Rounded in whole numbers, alike on all machines.
    return [first + (2 * unit * reach + gaps) // (2 * gaps) for unit in range(hidden)]
