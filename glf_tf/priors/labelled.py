# SPDX-License-Identifier: Apache-2.0
"""Priors that depend on a label, all labels being equally likely."""

__all__ = ["Labelled", "check_counts", "check_labels", "make", "takes_labels"]

import abc
import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from glf_tf import catalogue, errors, parts, seeds, signatures, types
from glf_tf.priors import prior


class Labelled(abc.ABC):
    """A mix-in for priors with a density of latents given a label y.

        p(z) = mean over y of p(z | y),   p(y | z) = p(z | y) / (num_classes p(z))

    Attributes:
        num_classes: Number of labels, 0 to `num_classes - 1`.
    """

    num_classes: int

    def log_prob_of_labels(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the log-density of latents given each label, `[batch, num_classes]`.

        Args:
            z: `[batch, latent_dim]`.
        """
        count, size = tf.shape(z)[0], self.num_classes
        label = tf.tile(tf.range(size), [count])
        log_prob = self.log_prob(tf.repeat(z, size, axis=0), label=label)
        return tf.reshape(log_prob, [count, size])

    def sample_labels(self, n: int | tf.Tensor, *, seed: types.Seed) -> tf.Tensor:
        """Returns `n` labels, all equally likely, int32 `[n]`."""
        _, of_labels = seeds.split(seed, num=2)
        return tf.random.stateless_uniform(
            [n], seed=of_labels, maxval=self.num_classes, dtype=tf.int32
        )

    def _log_prob_of_any(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the log-density of latents whatever their label is, `[batch]`."""
        log_prob = tf.reduce_logsumexp(self.log_prob_of_labels(z), axis=-1)
        return log_prob - math.log(self.num_classes)


def make(
    value: types.Prior, *, num_classes: int, latent_dim: int, **fixed
) -> prior.AbstractPrior:
    """Returns the prior that is given, as `parts.make` does.

    Args:
        value: An object, a specification or a name.
        num_classes: Number of labels that it depends on; 0 for none.
        latent_dim: Size of the latents.
        **fixed: As for `parts.make`.

    Raises:
        InvalidType: It is no prior.
        InvalidValue: It cannot be built, or is of another size.
        Unsupported: It depends on no label.
    """
    if num_classes and not takes_labels(value):
        raise errors.Unsupported(
            "The prior of a conditional model must depend on its labels",
            received=f"{_class_of(value).__name__} with num_classes={num_classes}",
            do="Use for instance the prior flow or labelled_mixture, or no labels",
        )
    given = {"num_classes": num_classes} if num_classes else {}
    made = parts.make("prior", value, latent_dim=latent_dim, **given, **fixed)
    if made.num_classes != num_classes:
        raise errors.InvalidValue(
            f"The prior must be made for num_classes={num_classes}",
            received=f"{type(made).__name__} of num_classes={made.num_classes}",
            do=f"Make it with num_classes={num_classes}",
        )
    return made


def check_labels(num_classes: int, *, of: str) -> None:
    """Checks that a density for each label has labels.

    Args:
        num_classes: Number of labels.
        of: What the density is.

    Raises:
        InvalidValue: It has none.
    """
    if num_classes < 1:
        raise errors.InvalidValue(
            f"{of} needs labels",
            received=f"num_classes={num_classes}",
            do="Set the model's num_classes, or use another prior, such as normal",
        )


def check_counts(label: np.ndarray, *, num_classes: int, at_least: int) -> None:
    """Checks that there are enough codes of each label.

    Args:
        label: Labels of codes, `[size]`.
        num_classes: Number of labels.
        at_least: Minimum number of codes of each.

    Raises:
        InvalidValue: There are too few of one.
    """
    counts = [np.count_nonzero(label == each) for each in range(num_classes)]
    rarest = int(np.argmin(counts))
    if counts[rarest] < at_least:
        raise errors.InvalidValue(
            f"The fit of the prior needs at least {at_least} codes of each label",
            received=f"{counts[rarest]} of label {rarest}",
            do="Use more images, or fewer components",
        )


def takes_labels(value: types.Prior) -> bool:
    """Returns whether a prior can depend on labels."""
    return "num_classes" in signatures.defaults(_class_of(value))


def _class_of(value: types.Prior) -> type:
    is_named = isinstance(value, (str, Mapping))
    return (
        catalogue.load("prior", catalogue.name_of(value)) if is_named else type(value)
    )
