# SPDX-License-Identifier: Apache-2.0
"""The losses of a critic of images, and of the generator that it judges.

Goodfellow et al.: Generative Adversarial Nets, 2014. https://arxiv.org/abs/1406.2661
Mao et al.: Least Squares Generative Adversarial Networks, 2017.
https://arxiv.org/abs/1611.04076
Arjovsky, Chintala, Bottou: Wasserstein GAN, 2017. https://arxiv.org/abs/1701.07875
Jolicoeur-Martineau: The relativistic discriminator, 2018.
https://arxiv.org/abs/1807.00734
Huang, Gokaslan, Kuleshov, Tompkin: The GAN is dead; long live the GAN!, 2024 (pairs).
https://arxiv.org/abs/2501.05441
"""

__all__ = ["LOSSES", "Loss", "accuracy"]

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from glf_tf.objectives import hinge


class Loss(NamedTuple):
    """What each player minimises, `[batch]`, from scores of real and made images.

    A score is large where the critic takes an image for real. Both functions are given
    the scores of real and of made images, each `[batch]`.

    Attributes:
        critic: The critic's loss.
        generator: The generator's; without `is_paired` it ignores those of real images.
        is_paired: Whether the generator's loss needs the scores of real images.
        is_relative: Whether a number added to all scores changes nothing for the
            critic, so that its last bias has no gradient.
    """

    critic: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor | None, tf.Tensor], tf.Tensor]
    is_paired: bool = False
    is_relative: bool = False


def accuracy(real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    """Returns 1 where a real image has a larger score than a made one, 0.5 if equal.

    It has the same meaning for all losses: 0.5 on average if the critic cannot tell.

    Args:
        real: Scores of real images, `[batch]`.
        made: Scores of made images, `[batch]`.
    """
    return 0.5 + 0.5 * tf.cast(tf.sign(real - made), tf.float32)


def _cross_entropy(real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    """Returns -log D(x) - log(1 - D(G)) in nats, `D = sigmoid(score)`."""
    return tf.nn.softplus(-real) + tf.nn.softplus(made)


def _saturating(real: tf.Tensor | None, made: tf.Tensor) -> tf.Tensor:
    """Returns log(1 - D(G)): its gradient vanishes where the critic is sure."""
    del real
    return -tf.nn.softplus(made)


def _non_saturating(real: tf.Tensor | None, made: tf.Tensor) -> tf.Tensor:
    """Returns -log D(G) in nats."""
    del real
    return tf.nn.softplus(-made)


def _squares(real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    return 0.5 * (tf.square(real - 1.0) + tf.square(made))


def _square(real: tf.Tensor | None, made: tf.Tensor) -> tf.Tensor:
    del real
    return 0.5 * tf.square(made - 1.0)


def _distance(real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    return made - real


def _negative(real: tf.Tensor | None, made: tf.Tensor) -> tf.Tensor:
    del real
    return hinge.to_please(made)


def _hinges(real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    return hinge.of_real(real) + hinge.of_made(made)


def _real_above(real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    """Returns -log sigmoid(D(x) - D(G)) in nats, for pairs of images."""
    return tf.nn.softplus(made - real)


def _made_above(real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    return tf.nn.softplus(real - made)


LOSSES = {
    "minimax": Loss(_cross_entropy, _saturating),
    "non_saturating": Loss(_cross_entropy, _non_saturating),
    "least_squares": Loss(_squares, _square),
    "wasserstein": Loss(_distance, _negative, is_relative=True),
    "hinge": Loss(_hinges, _negative),
    "relativistic": Loss(_real_above, _made_above, is_paired=True, is_relative=True),
}
"""The losses by name."""
