# SPDX-License-Identifier: Apache-2.0
"""A causal transformer: parameters of each token of vectors, given those before it.

Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin: Attention Is All
You Need, 2017. https://arxiv.org/abs/1706.03762
Zhai, Zhang, Nakkiran, Berthelot, Gu, Zheng, Chen, Bautista, Jaitly, Susskind:
Normalizing Flows are Capable Generative Models, 2024, and its released code.
https://arxiv.org/abs/2412.06329
"""

__all__ = ["CausalTransformer"]

import math

import keras
import tensorflow as tf

from glf_tf import errors
from glf_tf.bijectors.conditioners import autoregressive
from glf_tf.layers import dropout as dropout_layer

_EXPANSION = 4
"""Width of the hidden layer after attention, in widths of the transformer."""


def _small() -> keras.initializers.Initializer:
    """Returns how positions and embeddings start, as in the released code."""
    return keras.initializers.RandomNormal(stddev=0.01)


@keras.saving.register_keras_serializable(package="glf_tf")
class CausalTransformer(autoregressive.AbstractAutoregressiveNetwork):
    """The parameters of token i are functions of the tokens before i alone.

        h[i] = W token[i - 1] + position[i] + E condition,  token[-1] = 0
        layer:  h = h + attention(norm(h)), over the positions up to each;
                h = h + W'' gelu(W' norm(h) + b') + b''
        parameters[i] = V h[i] + c

    V and c start at zero, so that a step can start as the identity. Towards data, each
    layer keeps the keys and values of the tokens before.

    Deviation: the released code shifts the outputs by a token, so that the first has no
        parameters. Here the inputs are shifted: those of the first are learned, and
        depend on the condition.
    """

    def __init__(
        self,
        event_dim: int,
        num_parameters: int,
        *,
        token_dim: int = 4,
        hidden: int = 64,
        depth: int = 2,
        head_dim: int = 32,
        dropout: float = 0.0,
        condition_dim: int = 0,
        seed: int = 0,
        **kwargs,
    ):
        """Initializes the network and its variables.

        Args:
            event_dim: Size of the vectors.
            num_parameters: Number of parameters of a coordinate.
            token_dim: Number of coordinates of a token; the last may have fewer.
            hidden: Width of the layers.
            depth: Number of layers.
            head_dim: Width of a head of attention, which divides `hidden`.
            dropout: Share of what a layer adds that is set to zero in training.
            condition_dim: Size of the condition, which follows the vector.
            seed: Seed of dropout.
            **kwargs: Keyword arguments of `keras.layers.Layer`.

        Raises:
            InvalidValue: `head_dim` does not divide `hidden`.
        """
        super().__init__(**kwargs)
        _check_heads(hidden, head_dim)
        self.token_dim = min(token_dim, event_dim)
        self._event_dim, self._num_parameters = event_dim, num_parameters
        self._count = -(-event_dim // self.token_dim)
        self._hidden, self._depth = hidden, depth
        self.position = self.add_weight(
            name="position", shape=(self._count, hidden), initializer=_small()
        )
        common = {"dtype": self.dtype_policy}
        with keras.name_scope(self.name):
            self.input_layer = _dense("input", self.token_dim, hidden, **common)
            self.embedding = None
            if condition_dim:
                self.embedding = _dense(
                    *("embedding", condition_dim, hidden),
                    use_bias=False,
                    kernel_initializer=_small(),
                    **common,
                )
            for index in range(depth):
                # An attribute each: checkpoints do not track Keras' lists.
                layer = _Layer(
                    hidden,
                    self._count,
                    head_dim=head_dim,
                    dropout=dropout,
                    seed=seed * depth + index,
                    name=f"layer_{index}",
                    **common,
                )
                setattr(self, f"layer_{index}", layer)
            outputs = self.token_dim * num_parameters
            self.output_layer = _dense(
                "output", hidden, outputs, kernel_initializer="zeros", **common
            )
        self.built = True

    @property
    def _ordered(self) -> list["_Layer"]:
        return [getattr(self, f"layer_{index}") for index in range(self._depth)]

    def call(self, x, training=False):
        """Returns the parameters of all coordinates, `[batch, event_dim, count]`."""
        h = self._embedded(x, self._before(x), self.position)
        for layer in self._ordered:
            h = layer(h, training=training)
        outputs = [-1, self._count * self.token_dim, self._num_parameters]
        return tf.reshape(self.output_layer(h), outputs)[:, : self._event_dim]

    def none_known(self, x):
        """Returns zeros for keys and values, `[2, batch, heads, tokens, head_dim]`."""
        return tuple(layer.none_known(tf.shape(x)[0]) for layer in self._ordered)

    def of_token(self, x, index, known):
        """Returns the parameters of a token, `[batch, token_dim, count]`.

        `known` has 0 for the keys and values of this token and those after it.
        """
        token = tf.gather(self._before(x), [index], axis=1)
        h = self._embedded(x, token, tf.gather(self.position, [index]))
        new = []
        for layer, before in zip(self._ordered, known, strict=True):
            h, after = layer.of_token(h, index, before)
            new.append(after)
        outputs = self.output_layer(h)
        return tf.reshape(outputs, [-1, self.token_dim, self._num_parameters]), (*new,)

    def _before(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the token before each, `[batch, tokens, token_dim]`."""
        seen = x[:, : (self._count - 1) * self.token_dim]
        shifted = tf.pad(seen, [[0, 0], [self.token_dim, 0]])
        return tf.reshape(shifted, [-1, self._count, self.token_dim])

    def _embedded(
        self, x: tf.Tensor, tokens: tf.Tensor, position: tf.Tensor
    ) -> tf.Tensor:
        """Returns the input of the first layer, `[batch * tokens, hidden]`."""
        count = tokens.shape[1]
        h = self.input_layer(tf.reshape(tokens, [-1, self.token_dim]))
        h = tf.reshape(h, [-1, count, self._hidden]) + position
        if self.embedding is not None:
            h += self.embedding(x[:, self._event_dim :])[:, None]
        return tf.reshape(h, [-1, self._hidden])


class _Layer(keras.layers.Layer):
    """Attention, then two dense layers, each after a layer normalisation.

    Positions are rows, `[batch * positions, hidden]`: all but attention is for each.
    """

    def __init__(
        self,
        hidden: int,
        count: int,
        *,
        head_dim: int,
        dropout: float,
        seed: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._count, self._head_dim = count, head_dim
        self._heads = hidden // head_dim
        common, inner = {"dtype": self.dtype_policy}, _EXPANSION * hidden
        with keras.name_scope(self.name):
            self.attention_norm = _norm("attention_norm", hidden, **common)
            # Queries, keys and values in one product.
            self.attention_input = _dense(
                "attention_input", hidden, 3 * hidden, **common
            )
            self.attention_output = _dense("attention_output", hidden, hidden, **common)
            self.norm = _norm("norm", hidden, **common)
            self.expansion = _dense("expansion", hidden, inner, **common)
            self.contraction = _dense("contraction", inner, hidden, **common)
            for part, name in enumerate(("attention_dropout", "dropout")):
                layer = None
                if dropout:
                    layer = dropout_layer.Dropout(
                        dropout, seed=2 * seed + part, name=name, **common
                    )
                setattr(self, name, layer)
        self.built = True

    def call(self, h, training=False):
        """Returns the rows after the layer, for `h` of all positions."""
        queries, keys, values = tf.unstack(self._split(h, self._count))
        order = tf.range(self._count)
        seen = order <= order[:, None]
        found = self._attended(queries, keys, values, seen=seen)
        h += self._dropped("attention_dropout", found, training=training)
        return self._with_dense(h, training=training)

    def none_known(self, batch: tf.Tensor) -> tf.Tensor:
        """Returns zeros for keys and values, `[2, batch, heads, count, head_dim]`."""
        shape = [2, batch, self._heads, self._count, self._head_dim]
        return tf.zeros(shape, self.compute_dtype)

    def of_token(
        self, h: tf.Tensor, index: tf.Tensor, known: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the row of a position, and the keys and values up to it."""
        split = self._split(h, 1)
        known += split[1:] * tf.one_hot(index, self._count, dtype=h.dtype)[:, None]
        keys, values = tf.unstack(known)
        seen = tf.range(self._count) <= index
        h += self._attended(split[0], keys, values, seen=seen)
        return self._with_dense(h, training=False), known

    def _split(self, h: tf.Tensor, count: int) -> tf.Tensor:
        """Returns queries, keys, values, `[3, batch, heads, count, head_dim]`."""
        inputs = self.attention_input(self.attention_norm(h))
        inputs = tf.reshape(inputs, [-1, count, 3, self._heads, self._head_dim])
        return tf.transpose(inputs, [2, 0, 3, 1, 4])

    def _attended(
        self, queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor, *, seen: tf.Tensor
    ) -> tf.Tensor:
        """Returns what attention adds to each row; `seen` is of the last two axes."""
        scores = tf.matmul(queries, keys, transpose_b=True) / math.sqrt(self._head_dim)
        scores = tf.where(seen, scores, scores.dtype.min)
        mixed = tf.matmul(tf.nn.softmax(scores), values)
        mixed = tf.transpose(mixed, [0, 2, 1, 3])
        hidden = self._heads * self._head_dim
        return self.attention_output(tf.reshape(mixed, [-1, hidden]))

    def _with_dense(self, h: tf.Tensor, *, training: bool) -> tf.Tensor:
        inner = tf.nn.gelu(self.expansion(self.norm(h)))
        return h + self._dropped("dropout", self.contraction(inner), training=training)

    def _dropped(self, name: str, added: tf.Tensor, *, training: bool) -> tf.Tensor:
        layer = getattr(self, name)
        return added if layer is None else layer(added, training=training)


def _dense(name: str, inputs: int, units: int, **options) -> keras.layers.Dense:
    layer = keras.layers.Dense(units, name=name, **options)
    layer.build((None, inputs))
    return layer


def _norm(name: str, size: int, **options) -> keras.layers.LayerNormalization:
    layer = keras.layers.LayerNormalization(epsilon=1e-5, name=name, **options)
    layer.build((None, size))
    return layer


def _check_heads(hidden: int, head_dim: int) -> None:
    if hidden % head_dim:
        raise errors.InvalidValue(
            "The width of a transformer must be a multiple of that of its heads",
            received=f"hidden={hidden}, head_dim={head_dim}",
            do=f"Use for instance hidden={-(-hidden // head_dim) * head_dim}",
        )
