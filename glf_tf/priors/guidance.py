# SPDX-License-Identifier: Apache-2.0
"""Labels that are dropped in training, so that samples can be guided by labels.

Ho, Salimans: Classifier-Free Diffusion Guidance, 2022. https://arxiv.org/abs/2207.12598
"""

__all__ = [
    *("NO_LABEL", "Guided", "check", "check_dropout", "check_factor"),
    *("dropped", "without_dropped"),
]

import abc
import math

import numpy as np
import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.bijectors import guidance as guidance_lib
from glf_tf.flows import flow as flow_lib

NO_LABEL = -1
"""In the place of a label: what its density would be without one."""


class Guided(abc.ABC):
    """A mix-in for priors whose samples may be guided by labels, if they can be."""

    @property
    @abc.abstractmethod
    def is_guidable(self) -> bool:
        """Whether there are labels, and what makes samples without them is learned."""

    @abc.abstractmethod
    def _not_guidable(self, received: str) -> errors.Unsupported:
        """Returns the error of a prior that cannot be guided, with what it received."""

    @property
    def guidance(self) -> float:
        """The factor on what a label changes in samples; 1 for none.

        Setting it raises InvalidValue if it is not finite, and Unsupported if the prior
        cannot be guided.
        """
        return self._guidance

    @guidance.setter
    def guidance(self, guidance: float) -> None:
        check_factor(guidance)
        if guidance_lib.has_effect(guidance) and not self.is_guidable:
            raise self._not_guidable(f"guidance={guidance}")
        self._guidance = guidance

    def sample_density(self, n: int, *, seed: types.Seed) -> tf.Tensor:
        """Returns latents that are not guided, `[n, latent_dim]`.

        Args:
            n: Number of latents.
            seed: A stateless seed.
        """
        return self.sample(n, seed=seed, guidance=1.0 if self.is_guidable else None)

    def _guidance_or_own(self, guidance: float | tf.Tensor | None) -> float | tf.Tensor:
        """Returns the guidance that samples are asked for; None for its own.

        Raises:
            InvalidType: It is no number.
            InvalidValue: It is not finite.
            Unsupported: The prior cannot be guided.
        """
        if guidance is None:
            return self.guidance
        check_factor(guidance)
        if not self.is_guidable:
            raise self._not_guidable(f"guidance={guidance}".partition("\n")[0][:80])
        return guidance


def dropped(label: tf.Tensor, *, share: float, seed: types.Seed) -> tf.Tensor:
    """Returns labels, of which a share is `NO_LABEL`, int32 `[batch]`."""
    drawn = tf.random.stateless_uniform(tf.shape(label), seeds.make(seed))
    return tf.where(drawn < share, NO_LABEL, tf.cast(label, tf.int32))


def without_dropped(of_labels: tf.Tensor, *, label: types.Tensor) -> tf.Tensor:
    """Returns conditions with the mean of all labels for those that are dropped.

    Args:
        of_labels: One-hot labels, `[batch, num_classes]`.
        label: The labels, or `NO_LABEL`, `[batch]`.
    """
    is_dropped = (tf.convert_to_tensor(label) == NO_LABEL)[:, None]
    return tf.where(is_dropped, guidance_lib.no_label(of_labels), of_labels)


def check_dropout(dropout: float) -> None:
    """Checks the share of labels that are dropped in training.

    Raises:
        InvalidValue: It is not in [0, 1).
    """
    if not 0.0 <= dropout < 1.0:
        raise errors.InvalidValue(
            "`label_dropout` is the share of labels that are dropped in training",
            received=f"label_dropout={dropout}",
            do="Use 0 for none, or for instance 0.1",
        )


def check_factor(guidance: float | tf.Tensor) -> None:
    """Checks the factor on what a label changes in samples, unless a graph has it.

    Raises:
        InvalidType: It is no number.
        InvalidValue: It is not finite.
    """
    known = tf.get_static_value(tf.convert_to_tensor(guidance))
    if known is None:
        return
    known = np.asarray(known)
    if known.ndim or known.dtype.kind not in "fiu":
        raise errors.InvalidType(
            "`guidance` is a number, a factor on what a label changes in samples",
            received=f"guidance={guidance!r}".partition("\n")[0][:80],
            do="Use 1 for none, or for instance 2",
        )
    if not math.isfinite(known):
        raise errors.InvalidValue(
            "`guidance` is a finite factor on what a label changes in samples",
            received=f"guidance={float(known)}",
            do="Use 1 for none, or for instance 2",
        )


def check(flow: flow_lib.AbstractFlow, *, dropout: float) -> None:
    """Checks that labels of a flow can be dropped in training, if they are to be.

    Raises:
        InvalidValue: The share is not in [0, 1).
        Unsupported: The flow does not depend on labels.
    """
    check_dropout(dropout)
    if dropout and not flow.condition_dim:
        raise errors.Unsupported(
            "Only labels that the flow depends on can be dropped",
            received=f"label_dropout={dropout}, and none such",
            do="Use num_classes=10 and noise that takes no labels, or label_dropout=0",
        )
