# SPDX-License-Identifier: Apache-2.0
"""Pairs of images and latents that a critic judges, and penalties on its gradient.

Dumoulin et al.: Adversarially Learned Inference, 2017. https://arxiv.org/abs/1606.00704
The penalties have their papers in `objectives.gradient_penalty`.
"""

__all__ = ["Pair", "apart", "penalties", "side_by_side"]

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from glf_tf import types
from glf_tf.objectives import gradient_penalty

Pair = tuple[tf.Tensor, tf.Tensor]
"""Images `[batch, height, width, channels]` and latents `[batch, latent_dim]`."""


def side_by_side(image: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    """Returns pairs as one row each, `[batch, 1, 1, pixels + latent_dim]`."""
    count = tf.shape(image)[0]
    pixels = tf.reshape(image, [count, 1, 1, image.shape[1:].num_elements()])
    return tf.concat([pixels, tf.cast(z[:, None, None], pixels.dtype)], axis=3)


def apart(rows: tf.Tensor, *, image_shape: types.ImageShape) -> Pair:
    """Returns the images and latents of `side_by_side`."""
    size = tf.TensorShape(image_shape).num_elements()
    image = tf.reshape(rows[..., :size], [-1, *image_shape])
    return image, rows[:, 0, 0, size:]


def penalties(
    score: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    *,
    real: Pair,
    made: Pair,
    kind: Literal["interpolated", "zero_centred"],
    seed: types.Seed,
) -> types.Terms:
    """Returns "penalty" and "gradient_norm", where it is taken, `[batch]`.

    Gradients are with respect to an image and its latent joined in one vector.

    Args:
        score: Function from images and latents to scores, `[batch]`.
        real: Images and their codes.
        made: Images of latents, and these.
        kind: "interpolated" between both, or "zero_centred" at each of them.
        seed: Of the points in between.
    """
    image_shape = tuple(real[0].shape[1:])

    def judge(rows):
        return score(*apart(rows, image_shape=image_shape))

    real, made = side_by_side(*real), side_by_side(*made)
    if kind == "interpolated":
        point = gradient_penalty.between(real, made, seed=seed)
        squared = gradient_penalty.squared_norm(judge, point)
        penalty = gradient_penalty.off_one(squared)
    else:
        squared = gradient_penalty.squared_norm(judge, real)
        penalty = 0.5 * (squared + gradient_penalty.squared_norm(judge, made))
    return {"penalty": penalty, "gradient_norm": tf.sqrt(squared)}
