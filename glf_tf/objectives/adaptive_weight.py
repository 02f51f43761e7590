# SPDX-License-Identifier: Apache-2.0
"""The weight of a critic's judgement that its gradient's size calls for.

Esser, Rombach, Ommer: Taming Transformers for High-Resolution Image Synthesis, 2021,
equation 7, with the constants of the authors' code. https://arxiv.org/abs/2012.09841
"""

__all__ = ["adaptive_weight"]

import tensorflow as tf

_EPSILON = 1e-4
_MOST = 1e4


def adaptive_weight(of_error: tf.Tensor, of_judgement: tf.Tensor) -> tf.Tensor:
    """Returns `min(|of_error| / (|of_judgement| + 1e-4), 1e4)`, `[]`, a constant.

    With it, error and judgement move the decoder's last layer equally far.

    Args:
        of_error: The gradient of the reconstruction's error at the kernel of the
            decoder's last layer, of any shape.
        of_judgement: That of the critic's judgement, of the same shape.
    """
    ratio = tf.norm(of_error) / (tf.norm(of_judgement) + _EPSILON)
    # The weight is no loss: no gradient shall make it larger or smaller.
    return tf.stop_gradient(tf.clip_by_value(ratio, 0.0, _MOST))
