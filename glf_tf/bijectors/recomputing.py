# SPDX-License-Identifier: Apache-2.0
"""Gradients that compute inner values again, instead of keeping them.

Chen, Xu, Zhang, Guestrin: Training Deep Nets with Sublinear Memory Cost, 2016.
https://arxiv.org/abs/1604.06174
"""

__all__ = ["recomputed"]

from collections.abc import Callable

import tensorflow as tf


def recomputed(
    function: Callable[[tf.Tensor], tuple[tf.Tensor, ...]],
) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """Returns a function whose gradient calls it again.

    `tf.recompute_grad` does the same, and has gradients of second order; for these it
    walks, at each call, through all of the graph before it, so that tracing a flow of
    64 steps takes minutes.

    Args:
        function: From a tensor to tensors; it may use variables.
    """

    @tf.custom_gradient
    def outer(x):
        def gradient(*upstream, variables=()):
            # Not before its gradient is needed.
            with tf.control_dependencies(upstream):
                again = tf.identity(x)
            with tf.GradientTape() as tape:
                tape.watch(again)
                outputs = function(again)
            found = tape.gradient(outputs, [again, *variables], upstream)
            return found[0], found[1:]

        return function(x), gradient

    return outer
