# SPDX-License-Identifier: Apache-2.0
"""The velocity of a flow in time, as a residual network that knows its divergence.

Perez, Strub, de Vries, Dumoulin, Courville: FiLM: Visual Reasoning with a General
Conditioning Layer, 2018. https://arxiv.org/abs/1709.07871
Tancik, Srinivasan, Mildenhall and others: Fourier Features Let Networks Learn High
Frequency Functions in Low Dimensional Domains, 2020. https://arxiv.org/abs/2006.10739
"""

__all__ = ["VelocityNetwork"]

import math

import keras
import numpy as np
import tensorflow as tf

_SLOWEST, _FASTEST = 0.25, 8.0
"""Turns of the Fourier features in a unit of time. With more, the velocity would change
within a solver's step."""


@keras.saving.register_keras_serializable(package="glf_tf")
class VelocityNetwork(keras.layers.Layer):
    """Residual blocks whose units are scaled and shifted by time and label.

        c = silu(A [cos(2 pi f t), sin(2 pi f t)] + table[label])
        h = W x + b
        block:  h = h + W' silu((1 + scale(c)) * h + shift(c)) + b'
        v = V h + d

    V and d start at zero, so that the velocity is zero at the start.
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int,
        depth: int,
        embedding: int,
        num_classes: int = 0,
        **kwargs,
    ):
        """Initializes the network and its variables.

        Args:
            dim: Size of the vectors.
            hidden: Width of the blocks.
            depth: Number of blocks.
            embedding: Size of c, and number of Fourier features, which is even.
            num_classes: Number of labels; 0 for none.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self._hidden, self._depth, self._embedding = hidden, depth, embedding
        self._num_classes = num_classes
        ends = math.log(_SLOWEST), math.log(_FASTEST)
        self._frequencies = np.exp(np.linspace(*ends, embedding // 2))
        with keras.name_scope(self.name):
            self.time_layer = self._dense("time", embedding, units=embedding)
            if num_classes:
                self.table = self.add_weight(
                    (num_classes, embedding), "random_normal", name="table"
                )
            self.input_layer = self._dense("input", dim)
            for block in range(depth):
                # An attribute each: checkpoints do not track Keras' lists.
                film = self._dense(f"film_{block}", embedding, units=2 * hidden)
                setattr(self, f"film_{block}", film)
                setattr(self, f"dense_{block}", self._dense(f"dense_{block}", hidden))
            self.output_layer = self._dense(
                "output", hidden, units=dim, kernel_initializer="zeros"
            )
        self.built = True

    def _dense(
        self, name: str, inputs: int, *, units: int | None = None, **options
    ) -> keras.layers.Dense:
        layer = keras.layers.Dense(
            units or self._hidden, dtype=self.dtype_policy, name=name, **options
        )
        layer.build((None, inputs))
        return layer

    def call(
        self,
        x,
        *,
        time: tf.Tensor | None = None,
        label: tf.Tensor | None = None,
        modulations: tf.Tensor | None = None,
    ):
        """Returns the velocity, `[batch, dim]`.

        Args:
            x: `[batch, dim]`.
            time: From 0 to 1, `[batch]`, or `[1]` for all.
            label: Whole numbers `[batch]`, -1 for none; None if there are no labels.
            modulations: What `modulations` returns, in the place of time and label.
        """
        h = self.input_layer(x)
        for block, (gain, shift) in enumerate(self._pairs(time, label, modulations)):
            u = gain * h + shift
            h += getattr(self, f"dense_{block}")(tf.nn.silu(u))
        return self.output_layer(h)

    def modulations(
        self, time: tf.Tensor, *, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns gain and shift of all units, `[batch or 1, depth, 2, hidden]`.

        They depend on nothing else, and so can be known before a velocity is.

        Args:
            time: As in `call`.
            label: As in `call`.
        """
        pairs = self._pairs(time, label, None)
        return tf.stack([tf.stack(pair, axis=1) for pair in pairs], axis=1)

    def with_divergence(
        self,
        x: tf.Tensor,
        *,
        time: tf.Tensor | None = None,
        label: tf.Tensor | None = None,
        modulations: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the velocity, and the trace of its Jacobian with respect to x.

        The derivatives of all units with respect to all coordinates are carried
        through the network with the units, `dim` times their numbers; nothing is
        estimated.

        Args:
            x: As in `call`.
            time: As in `call`.
            label: As in `call`.
            modulations: As in `call`.

        Returns:
            velocity: `[batch, dim]`.
            divergence: `[batch]`.
        """
        h = self.input_layer(x)
        dh = tf.convert_to_tensor(self.input_layer.kernel)[None]  # [1, dim, hidden]
        shape = [-1, *dh.shape[1:]]
        for block, (gain, shift) in enumerate(self._pairs(time, label, modulations)):
            dense = getattr(self, f"dense_{block}")
            u = gain * h + shift
            gate = tf.sigmoid(u)
            slope = gain * gate * (1.0 + u * (1.0 - gate))
            # One product of all rows, where `tf.matmul` would take one of each vector.
            rows = tf.reshape(dh * slope[:, None], [-1, self._hidden])
            dh += tf.reshape(tf.matmul(rows, dense.kernel), shape)
            h += dense(u * gate)
        last = tf.convert_to_tensor(self.output_layer.kernel)
        return self.output_layer(h), tf.einsum("bih,hi->b", dh, last)

    def _condition(self, time: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        """Returns what blocks depend on, `[batch or 1, embedding]`."""
        turns = (
            2.0 * math.pi * time[:, None] * tf.constant(self._frequencies, time.dtype)
        )
        c = self.time_layer(tf.concat([tf.cos(turns), tf.sin(turns)], axis=-1))
        if label is not None:
            # No label, -1, is a row of zeros.
            one_hot = tf.one_hot(label, self._num_classes, dtype=c.dtype)
            c += tf.matmul(one_hot, self.table)
        return tf.nn.silu(c)

    def _pairs(
        self,
        time: tf.Tensor | None,
        label: tf.Tensor | None,
        modulations: tf.Tensor | None,
    ) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Returns the gain and the shift of each block's units."""
        if modulations is not None:
            of_blocks = tf.unstack(modulations, axis=1)
            return [tuple(tf.unstack(pair, axis=1)) for pair in of_blocks]
        c = self._condition(time, label)
        found = []
        for block in range(self._depth):
            scale, shift = tf.split(getattr(self, f"film_{block}")(c), 2, axis=-1)
            found.append((1.0 + scale, shift))
        return found
