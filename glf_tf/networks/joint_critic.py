# SPDX-License-Identifier: Apache-2.0
"""A critic of images together with their latents.

Donahue, Kraehenbuehl, Darrell: Adversarial Feature Learning, 2017.
https://arxiv.org/abs/1605.09782
Zenati, Foo, Lecouat, Manek, Chandrasekhar: Efficient GAN-Based Anomaly Detection, 2018,
and its code (the sizes). https://arxiv.org/abs/1802.06222
"""

__all__ = [
    "Judgement",
    "JointCritic",
    "code_branch",
    "image_branch",
    "feature_branch",
    "score_branch",
]

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import layers

from glf_tf import types
from glf_tf.layers import dropout as dropout_lib
from glf_tf.layers import leaky_relu
from glf_tf.networks import halving, network

_SLOPE = 0.1


class Judgement(NamedTuple):
    """What a critic makes of pairs of an image and a latent.

    Attributes:
        score: Large for an image with its code, `[batch]`.
        features: The layer before the score, `[batch, width]`.
    """

    score: tf.Tensor
    features: tf.Tensor


class JointCritic(layers.Layer):
    """A branch of images and one of latents, of which a third network judges both.

    Attributes:
        image: The branch of images, `[batch, *image_shape]` to `[batch, numbers]`.
        code: That of latents, `[batch, latent_dim]` to `[batch, numbers]`.
        joint: From both, side by side, to features, `[batch, width]`.
        last: From features to a score, `[batch, 1]`.
    """

    def __init__(
        self,
        image: keras.layers.Layer,
        code: keras.Model,
        joint: keras.Model,
        last: keras.Model,
        *,
        activates: bool = False,
        name: str = "critic",
    ):
        """Initializes the critic.

        Args:
            image: The branch of images.
            code: The branch of latents.
            joint: The features of both.
            last: The score of features.
            activates: Whether the branch of images ends without a leaky ReLU.
            name: The layer's name.
        """
        super().__init__(name=name, dtype=keras.config.floatx())
        self.image, self.code = image, code
        self.joint, self.last = joint, last
        self._activates = activates
        self.built = True

    def call(self, image, z, training=False):
        """Returns the `Judgement` of pairs, in float32."""
        seen = tf.cast(self.image(image, training=training), tf.float32)
        if self._activates:
            seen = tf.nn.leaky_relu(seen, alpha=_SLOPE)
        code = tf.cast(self.code(z, training=training), tf.float32)
        features = self.joint(tf.concat([seen, code], axis=1), training=training)
        score = self.last(features, training=training)
        return Judgement(tf.cast(score[:, 0], tf.float32), features)


def image_branch(
    image_shape: types.ImageShape,
    *,
    filters: Sequence[int],
    dropout: float,
    role: str = "critic",
) -> keras.Model:
    """Returns a branch of images: 4x4 convolutions that halve them.

    Each is followed by a leaky ReLU and dropout, all but the first by batch
    normalisation before them.

    Args:
        image_shape: (height, width, channels).
        filters: Filters of each convolution.
        dropout: Share of units that are set to zero in training.
        role: How the names of all branches begin.
    """
    stack, name = [keras.Input(image_shape, name="image")], f"{role}_image"
    for index, width in enumerate(filters):
        stack.append(halving.conv(width, f"conv_{index}", use_bias=not index))
        stack += [network.batch_norm(f"norm_{index}")] if index else []
        stack += _activated(name, index=index, dropout=dropout, seed=index)
    stack.append(layers.Flatten(name="flatten"))
    return keras.Sequential(stack, name=name)


def code_branch(
    latent_dim: int, *, width: int, dropout: float, role: str = "critic"
) -> keras.Model:
    """Returns a branch of latents: a dense layer, leaky ReLU and dropout."""
    how = {"width": width, "dropout": dropout, "seed": _SEED_OF_CODES}
    return _dense(latent_dim, name=f"{role}_code", **how)


def feature_branch(
    size: int, *, width: int, dropout: float, role: str = "critic"
) -> keras.Model:
    """Returns what makes features of `size` numbers of both other branches, as well."""
    how = {"width": width, "dropout": dropout, "seed": _SEED_OF_BOTH}
    return _dense(size, name=f"{role}_joint", **how)


def score_branch(width: int, *, role: str = "critic") -> keras.Model:
    """Returns a linear layer from features to a score."""
    last = halving.dense(1, "dense_last", use_bias=True)
    return keras.Sequential(
        [keras.Input((width,), name="features"), last], name=f"{role}_score"
    )


# No two layers shall drop the same units.
_SEED_OF_CODES, _SEED_OF_BOTH = 101, 102


def _dense(
    size: int, *, width: int, dropout: float, seed: int, name: str
) -> keras.Model:
    dense = halving.dense(width, "dense_0", use_bias=True)
    after = _activated(name, index=0, dropout=dropout, seed=seed)
    return keras.Sequential([keras.Input((size,), name="x"), dense, *after], name=name)


def _activated(
    branch: str, *, index: int, dropout: float, seed: int
) -> list[layers.Layer]:
    """Returns a leaky ReLU, and dropout if there is any."""
    found = [leaky_relu.LeakyReLU(_SLOPE, name=f"relu_{index}")]
    if dropout:
        # It counts its batches in a weight, whose path begins with its own name.
        name = f"{branch}_dropout_{index}"
        found.append(dropout_lib.Dropout(dropout, seed=seed, name=name))
    return found
