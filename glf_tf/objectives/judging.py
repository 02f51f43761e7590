# SPDX-License-Identifier: Apache-2.0
"""What a critic of patches says of images and of what was decoded for them.

Larsen, Soenderby, Larochelle, Winther: Autoencoding beyond pixels using a learned
similarity metric, 2016 (the critic's features). https://arxiv.org/abs/1512.09300
Lim, Ye: Geometric GAN, 2017 (the hinge). https://arxiv.org/abs/1705.02894
"""

__all__ = ["Judge", "squared_error"]

from collections.abc import Mapping

import keras
import tensorflow as tf

from glf_tf import types
from glf_tf.objectives import hinge


class Judge:
    """The terms of a critic D, and of whoever makes images that it judges.

        critic:  relu(1 - D(x)),  relu(1 + D(y))
        maker:   -D(y),  sum_l mean |f_l(x) - f_l(y)|

    Means are taken over patches, and over the pixels and channels of the features
    `f_l`. Made images y are given by kind: "" for reconstructions, which alone have an
    image to be compared with, and names such as "_drawn" for others.

    Args:
        critic: Images in [-1, 1] to a list of features, and scores last.
        noise: Standard deviation of normal noise on all images that the critic sees in
            training, which are in [-1, 1].
    """

    def __init__(self, critic: keras.Model, *, noise: float = 0.0):
        self.critic, self._noise = critic, noise

    def critic_terms(
        self,
        image: tf.Tensor,
        made: Mapping[str, tf.Tensor],
        *,
        seed: tf.Tensor,
        training: bool,
    ) -> types.Terms:
        """Returns "critic_real", and "critic_made..." of each kind, `[batch]`.

        Args:
            image: `[batch, height, width, channels]` in [0, 1].
            made: The images that were made, of the same shape, by kind.
            seed: A stateless seed, of the noise.
            training: Whether there is noise, and the critic's norms follow its kernels.
        """
        # One pass for all, so that the norms' power iteration takes one step.
        whole = tf.concat([image, *made.values()], axis=0)
        seen = self._seen(whole, seed=seed, training=training)
        *_, scores = self.critic(seen, training=training)
        real, *others = tf.split(scores, 1 + len(made))
        losses = dict(zip(made, map(hinge.of_made, others), strict=True))
        return {
            "critic_real": hinge.of_real(real),
            **{f"critic_made{kind}": loss for kind, loss in losses.items()},
        }

    def maker_terms(
        self,
        image: tf.Tensor,
        made: Mapping[str, tf.Tensor],
        *,
        seed: tf.Tensor,
        training: bool,
    ) -> types.Terms:
        """Returns "judged..." of each kind, and "features" of "", `[batch]`.

        Args:
            image: As in `critic_terms`.
            made: As in `critic_terms`.
            seed: A stateless seed: an image and what was made of it have equal noise.
            training: Whether there is noise.
        """
        how, terms = {"seed": seed, "training": training}, {}
        # Not training: the critic's norms are its own update's to follow.
        *wanted, _ = self.critic(self._seen(image, **how), training=False)
        for kind, drawn in made.items():
            *found, scores = self.critic(self._seen(drawn, **how), training=False)
            terms[f"judged{kind}"] = hinge.to_please(scores)
            if kind == "":
                terms["features"] = tf.add_n(list(map(_distance, wanted, found)))
        return terms

    def _seen(self, image: tf.Tensor, *, seed: tf.Tensor, training: bool) -> tf.Tensor:
        """Returns images as the critic sees them: in [-1, 1], noisy in training."""
        image = 2.0 * image - 1.0
        if not training or self._noise == 0.0:
            return image
        noise = tf.random.stateless_normal(tf.shape(image), seed=seed)
        return image + self._noise * noise


def squared_error(image: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    """Returns `sum((image - made)^2)` of pixels in [0, 1], `[batch]`."""
    return tf.reduce_sum(tf.square(image - made), axis=[1, 2, 3])


def _distance(wanted: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
    """Returns the mean difference of the features of images, `[batch]`."""
    difference = tf.abs(tf.cast(wanted - found, tf.float32))
    return tf.reduce_mean(difference, axis=[1, 2, 3])
