# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation over the whole batch, however many devices share it.

Ioffe, Szegedy: Batch Normalization, 2015. https://arxiv.org/abs/1502.03167
"""

__all__ = ["BatchNorm"]

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="glf_tf")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation with PyTorch's constants, which the papers use.

        mean = mean over replicas of mean(x)
        variance = mean over replicas of mean((x - mean)^2)

    Keras' own synchronised layer takes `mean(x^2) - mean(x)^2`, of which rounding may
    leave nothing where the mean is large. On one device this is Keras' layer.

    Keras' momentum is the complement of PyTorch's: 0.9 here is 0.1 there.
    """

    def __init__(self, *, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs):
        """Initializes the layer.

        Args:
            momentum: Share of the moving averages that a step keeps.
            epsilon: Added to the variance.
            **kwargs: Keras' own.
        """
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def _moments(self, inputs, mask):
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return super()._moments(inputs, mask)

        def mean_over_all(values):
            # Every replica has as many images.
            local = tf.reduce_mean(values, self._reduction_axes)
            return replica.all_reduce(tf.distribute.ReduceOp.MEAN, local)

        mean = mean_over_all(inputs)
        centred = inputs - tf.reshape(mean, self._broadcast_shape(inputs))
        return mean, mean_over_all(tf.square(centred))

    def _broadcast_shape(self, inputs) -> list[int]:
        shape = [1] * inputs.shape.rank
        shape[self.axis] = inputs.shape[self.axis]
        return shape
