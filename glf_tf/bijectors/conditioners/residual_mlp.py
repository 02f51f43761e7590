# SPDX-License-Identifier: Apache-2.0
"""The residual network of neural spline flows, on vectors.

He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks, 2016.
https://arxiv.org/abs/1603.05027
Durkan, Bekasov, Murray, Papamakarios: Neural Spline Flows, 2019, section 3.2, and its
released code. https://arxiv.org/abs/1906.04032
"""

__all__ = ["ResidualMLP"]

import keras
import tensorflow as tf

from glf_tf.layers import dropout as dropout_layer


@keras.saving.register_keras_serializable(package="glf_tf")
class ResidualMLP(keras.layers.Layer):
    """Residual blocks of two dense layers, each after its ReLU.

        h = W x + b
        block:  h = h + W'' dropout(relu(W' relu(h) + b')) + b''
        output = V h + c

    V and c start at zero, so that a coupling starts as the identity.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        *,
        hidden: int = 128,
        depth: int = 2,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs,
    ):
        """Initializes the network and its variables.

        Args:
            input_dim: Size of the input.
            output_dim: Size of the output.
            hidden: Width of the blocks.
            depth: Number of blocks.
            dropout: Share of hidden units that are set to zero in training.
            seed: Seed of dropout.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self._hidden, self._depth, self._dropout = hidden, depth, dropout
        with keras.name_scope(self.name):
            self.input_layer = self._dense("input", input_dim)
            for block in range(depth):
                self._add_block(block, seed=seed * depth + block)
            self.output_layer = self._dense(
                "output", hidden, units=output_dim, kernel_initializer="zeros"
            )
        self.built = True

    def _add_block(self, block: int, *, seed: int) -> None:
        # An attribute each: checkpoints do not track Keras' lists.
        for part in ("first", "second"):
            name = f"{part}_{block}"
            setattr(self, name, self._dense(name, self._hidden))
        if self._dropout:
            name = f"dropout_{block}"
            layer = dropout_layer.Dropout(
                self._dropout, seed=seed, dtype=self.dtype_policy, name=name
            )
            setattr(self, name, layer)

    def _dense(
        self, name: str, inputs: int, *, units: int | None = None, **options
    ) -> keras.layers.Dense:
        layer = keras.layers.Dense(
            units or self._hidden, dtype=self.dtype_policy, name=name, **options
        )
        layer.build((None, inputs))
        return layer

    def call(self, x, training=False):
        """Returns `[batch, output_dim]` for `x` of shape `[batch, input_dim]`."""
        h = self.input_layer(x)
        for block in range(self._depth):
            inner = getattr(self, f"first_{block}")(tf.nn.relu(h))
            inner = tf.nn.relu(inner)
            if self._dropout:
                inner = getattr(self, f"dropout_{block}")(inner, training=training)
            h = _sum(h, getattr(self, f"second_{block}"), inner)
        return self.output_layer(h)


def _sum(h: tf.Tensor, layer: keras.layers.Dense, x: tf.Tensor) -> tf.Tensor:
    """Returns `h + layer(x)`.

    In the order in which that is written, and with oneDNN, TensorFlow's remapper fuses
    it with the ReLU that follows, although h is used once more, and gives up the graph.
    """
    return tf.matmul(x, layer.kernel) + (layer.bias + h)
