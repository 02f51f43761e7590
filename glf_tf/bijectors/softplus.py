# SPDX-License-Identifier: Apache-2.0
"""The softplus, log(1 + exp(x)), for all runtimes."""

__all__ = ["softplus"]

import tensorflow as tf

from glf_tf import types


def softplus(x: types.Tensor) -> tf.Tensor:
    """Returns `max(x, 0) + log1p(exp(-|x|))`, which no runtime takes to infinity.

    LiteRT computes TensorFlow's own as `log(1 + exp(x))`: infinite from 89 on.
    """
    # Half of x + |x|, so that the gradient at 0 is 1/2.
    return 0.5 * (x + tf.abs(x)) + tf.math.log1p(tf.exp(-tf.abs(x)))
