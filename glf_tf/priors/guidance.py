# SPDX-License-Identifier: Apache-2.0
"""Labels that are dropped in training, so that samples can be guided by labels.

Ho, Salimans: Classifier-Free Diffusion Guidance, 2022. https://arxiv.org/abs/2207.12598
"""

__all__ = [
    *("NO_LABEL", "check", "check_dropout", "check_factor"),
    *("dropped", "without_dropped"),
]

import math

import tensorflow as tf

from glf_tf import errors, seeds, types
from glf_tf.bijectors import guidance as guidance_lib
from glf_tf.flows import flow as flow_lib

NO_LABEL = -1
"""In the place of a label: what its density would be without one."""


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


def check_factor(guidance: float) -> None:
    """Checks the factor on what a label changes in samples.

    Raises:
        InvalidValue: It is not finite.
    """
    if not math.isfinite(guidance):
        raise errors.InvalidValue(
            "`guidance` is a finite factor on what a label changes in samples",
            received=f"guidance={guidance}",
            do="Use 1 for none, or for instance 2",
        )


def check(flow: flow_lib.AbstractFlow, *, dropout: float, guidance: float) -> None:
    """Checks that a flow can be guided, if it is to be.

    Raises:
        InvalidValue: No share of labels is dropped, or the factor is not finite.
        Unsupported: The flow does not depend on labels, or cannot be guided.
    """
    check_dropout(dropout)
    check_factor(guidance)
    if dropout and not flow.condition_dim:
        raise errors.Unsupported(
            "Only labels that the flow depends on can be dropped",
            received=f"label_dropout={dropout}, and none such",
            do="Use num_classes=10 and noise that takes no labels, or label_dropout=0",
        )
    if guidance != 1.0 and not (flow.is_guidable and dropout):
        raise errors.Unsupported(
            "Guidance needs a flow that can be guided, and labels dropped in training",
            received=f"guidance={guidance}, {type(flow).__name__}, "
            f"label_dropout={dropout}",
            do="Use flow=tarflow and label_dropout=0.1, or guidance=1",
        )
