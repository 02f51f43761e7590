# SPDX-License-Identifier: Apache-2.0
"""The residual network of RealNVP's couplings, with weight normalisation.

Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2016, section 4.1 and
the released code. https://arxiv.org/abs/1605.08803
"""

__all__ = ["ResidualConditioner"]

from collections.abc import Sequence

import keras
import tensorflow as tf

from glf_tf.bijectors.conditioners import conditioner
from glf_tf.layers import normalization, weight_normalization

_LAST_SCALE = 0.1
"""Norm of the last kernels at the start. At zero, a log-scale `r tanh(u)` whose `r` is
zero as well would stay there."""


class ResidualConditioner(conditioner.AbstractConditioner):
    """Residual blocks, of which all outputs are summed by convolutions of 1x1.

        h = conv3x3(relu(concat(n, -n))),  n = norm(x)
        block:  h = h + conv3x3(relu(norm(conv3x3(relu(norm(h))))))
        output = conv1x1(relu(norm(sum of conv1x1(h) after each)))

    `norm` is batch normalisation. Convolutions have weight normalisation; the norms are
    learned where no batch normalisation follows.

    Deviation: batch normalisation has a learned scale, which the released code leaves
    out except in one of its ports.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int,
        *,
        hidden: int = 32,
        depth: int = 4,
        scale_l2: float = 0.0,
        **kwargs,
    ):
        """Initializes the network and its variables.

        Args:
            input_shape: (height, width, channels).
            outputs: Number of output channels.
            hidden: Number of hidden channels.
            depth: Number of residual blocks.
            scale_l2: Weight, in the loss, of the squares of the learned norms.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self._depth, self._hidden = depth, hidden
        self._size, self._scale_l2 = tuple(input_shape[:2]), scale_l2
        inputs = input_shape[-1]
        with keras.name_scope(self.name):
            self.input_norm = self._norm("input_norm", inputs)
            self.input_conv = self._convolution("input", 2 * inputs, learns=False)
            self.input_skip = self._convolution("input_skip", size=1)
            for block in range(depth):
                self._add_block(block)
            self.output_norm = self._norm("output_norm", hidden)
            self.output_conv = self._convolution(
                "output", size=1, outputs=outputs, scale_start=_LAST_SCALE
            )
        self.built = True

    def _add_block(self, block: int) -> None:
        # An attribute each: checkpoints do not track Keras' lists.
        for part in ("first", "second"):
            setattr(
                self,
                f"{part}_norm_{block}",
                self._norm(f"{part}_norm_{block}", self._hidden),
            )
            conv = self._convolution(f"{part}_{block}", learns=part == "second")
            setattr(self, f"{part}_{block}", conv)
        setattr(self, f"skip_{block}", self._convolution(f"skip_{block}", size=1))

    def _norm(self, name: str, channels: int) -> normalization.BatchNorm:
        layer = normalization.BatchNorm(
            epsilon=1e-4, dtype=self.dtype_policy, name=name
        )
        layer.build((None, *self._size, channels))
        return layer

    def _convolution(
        self,
        name: str,
        inputs: int | None = None,
        *,
        outputs: int | None = None,
        size: int = 3,
        learns: bool = True,
        scale_start: float = 1.0,
    ) -> weight_normalization.WeightNormConv2D:
        return weight_normalization.WeightNormConv2D(
            inputs or self._hidden,
            outputs or self._hidden,
            size=size,
            is_scale_learned=learns,
            scale_start=scale_start,
            scale_l2=self._scale_l2 if learns else 0.0,
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, x, training=False):
        """Returns `[batch, height, width, outputs]`."""
        x = self.input_norm(x, training=training)
        h = self.input_conv(tf.nn.relu(tf.concat([x, -x], axis=-1)))
        skipped = self.input_skip(h)
        for block in range(self._depth):
            h += self._residual(h, block, training=training)
            skipped += getattr(self, f"skip_{block}")(h)
        return self.output_conv(
            tf.nn.relu(self.output_norm(skipped, training=training))
        )

    def _residual(self, h: tf.Tensor, block: int, *, training: bool) -> tf.Tensor:
        for part in ("first", "second"):
            norm = getattr(self, f"{part}_norm_{block}")
            conv = getattr(self, f"{part}_{block}")
            h = conv(tf.nn.relu(norm(h, training=training)))
        return h

    def start(self, x):
        """Sets the moving averages to a batch's moments."""
        norms = [
            layer
            for layer in self._flatten_layers()
            if isinstance(layer, normalization.BatchNorm)
        ]
        usual = [layer.momentum for layer in norms]
        for layer in norms:
            layer.momentum = 0.0
        self(x, training=True)
        for layer, momentum in zip(norms, usual, strict=True):
            layer.momentum = momentum
        return self(x)
