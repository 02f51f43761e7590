# SPDX-License-Identifier: Apache-2.0
"""A gated residual network, as couplings have in the tutorial of the UvA.

Lippe: UvA Deep Learning Tutorials, tutorial 11: Normalizing Flows for image modeling.
https://uvadlc-notebooks.readthedocs.io
Ho, Chen, Srinivas, Duan, Abbeel: Flow++, 2019, section 3.3.
https://arxiv.org/abs/1902.00275
"""

__all__ = ["GatedConditioner"]

from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from glf_tf.bijectors.conditioners import conditioner


class GatedConditioner(conditioner.AbstractConditioner):
    """A convolution, gated residual blocks with layer normalisation, and a last one.

        block:   a, b = split(conv1x1(elu2(conv3x3(elu2(x)))));  norm(x + a sigmoid(b))
        elu2(x) = concat(elu(x), elu(-x))

    `norm` is over the channels of each pixel. The last convolution starts at zero.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int,
        *,
        hidden: int = 32,
        depth: int = 3,
        **kwargs,
    ):
        """Initializes the network and its variables.

        Args:
            input_shape: (height, width, channels).
            outputs: Number of output channels.
            hidden: Number of hidden channels.
            depth: Number of residual blocks.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self._depth = depth

        def convolution(name: str, filters: int, size: int = 3, **options):
            return keras.layers.Conv2D(
                filters,
                size,
                padding="same",
                dtype=self.dtype_policy,
                name=name,
                **options,
            )

        with keras.name_scope(self.name):
            self.input_conv = convolution("input", hidden)
            for block in range(depth):
                # An attribute each: checkpoints do not track Keras' lists.
                setattr(self, f"inner_{block}", convolution(f"inner_{block}", hidden))
                gate = convolution(f"gate_{block}", 2 * hidden, 1)
                setattr(self, f"gate_{block}", gate)
                norm = keras.layers.LayerNormalization(
                    epsilon=1e-5, dtype=self.dtype_policy, name=f"norm_{block}"
                )
                setattr(self, f"norm_{block}", norm)
            self.output_conv = convolution(
                "output", outputs, kernel_initializer="zeros"
            )
            self._build_layers(tuple(input_shape), hidden)

    def _build_layers(self, input_shape: tuple[int, ...], hidden: int) -> None:
        """Creates all variables."""
        size = (None, *input_shape[:2])
        self.input_conv.build((None, *input_shape))
        for inner, gate, norm in self._blocks():
            inner.build((*size, 2 * hidden))
            gate.build((*size, 2 * hidden))
            norm.build((*size, hidden))
        self.output_conv.build((*size, 2 * hidden))
        self.built = True

    def _blocks(self) -> Iterator[tuple[keras.layers.Layer, ...]]:
        for block in range(self._depth):
            names = (f"{part}_{block}" for part in ("inner", "gate", "norm"))
            yield tuple(getattr(self, name) for name in names)

    def call(self, x, training=False):
        """Returns `[batch, height, width, outputs]`."""
        del training
        x = self.input_conv(x)
        for inner, gate, norm in self._blocks():
            value, opened = tf.split(gate(_elu2(inner(_elu2(x)))), 2, axis=-1)
            x = norm(x + value * tf.sigmoid(opened))
        return self.output_conv(_elu2(x))


def _elu2(x: tf.Tensor) -> tf.Tensor:
    return tf.concat([tf.nn.elu(x), tf.nn.elu(-x)], axis=-1)
