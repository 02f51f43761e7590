# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation over the whole batch, on any number of devices.

Ioffe, Szegedy: Batch Normalization, 2015. https://arxiv.org/abs/1502.03167
"""

__all__ = ["BatchNorm", "check_batch_size", "over_replicas"]

import math
from collections.abc import Iterable, Sequence

import keras
import tensorflow as tf

from glf_tf import errors
from glf_tf.layers import replicas


@keras.saving.register_keras_serializable(package="glf_tf")
class BatchNorm(replicas.Joined, keras.layers.BatchNormalization):
    """Batch normalisation with PyTorch's constants, which the papers use.

        mean = mean over replicas of m,  m = mean(x) on a replica
        variance = mean over replicas of mean((x - m)^2) + (m - mean)^2

    Keras' own synchronised layer computes `mean(x^2) - mean(x)^2`, which loses all
    digits if the mean is large. Here replicas communicate once, and once more for the
    gradient. On one device this is Keras' layer, with images normalised by TensorFlow's
    fused operation.

    Keras' momentum is the complement of PyTorch's: 0.9 here is 0.1 there.
    """

    def __init__(self, *, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs):
        """Initializes the layer.

        Args:
            momentum: Decay of the moving averages per step.
            epsilon: Added to the variance.
            **kwargs: Keyword arguments of `keras.layers.BatchNormalization`.
        """
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None, mask=None):
        """Returns the normalised inputs, of the same shape.

        Raises:
            InvalidValue: In training, a batch has one value for each mean, so that the
                output would not depend on it.
        """
        is_learning = training and self.trainable
        if is_learning and _values_for_each_mean(inputs) == 1:
            raise _of_one_value(self, received=f"inputs of shape {inputs.shape}")
        if mask is not None or not is_learning or not self._can_fuse(inputs):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
            epsilon=self.epsilon,
            is_training=True,
        )
        size = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
        # The operation's variance is divided by `size - 1`.
        self._follow(self.moving_variance, variance * (size - 1.0) / size)
        self._follow(self.moving_mean, mean)
        return outputs

    def _can_fuse(self, inputs) -> bool:
        is_images = inputs.shape.rank == 4 and self.axis in (-1, 3)
        is_plain = self.scale and self.center and inputs.dtype != tf.float64
        return is_images and is_plain and replicas.count() == 1

    def _follow(self, average, value) -> None:
        average.assign(average * self.momentum + value * (1.0 - self.momentum))

    def _moments(self, inputs, mask):
        if mask is not None:
            return super()._moments(inputs, mask)
        return over_replicas(*_moments(inputs, self._reduction_axes))


def _moments(x: tf.Tensor, axes: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns mean and variance over some axes.

    `tf.nn.moments` takes the variance's derivative by the mean, which is 0, for a
    constant, which it is not: second derivatives, as of penalties on gradients, are
    wrong there. Floats of 16 bits are summed as float32.
    """
    wide = tf.cast(x, tf.float32) if x.dtype.size < 4 else x
    mean = tf.reduce_mean(wide, axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(wide - mean), axes)
    return tf.cast(tf.squeeze(mean, axes), x.dtype), tf.cast(variance, x.dtype)


def over_replicas(mean: tf.Tensor, variance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the moments of all replicas' values, of which each has as many.

    Args:
        mean: The replica's own, of any shape.
        variance: The same.
    """
    if replicas.count() == 1:
        return mean, variance
    means, variances = tf.unstack(_of_all(tf.stack([mean, variance])), axis=1)
    mean = tf.reduce_mean(means, axis=0)
    between = tf.reduce_mean(tf.square(means - mean), axis=0)
    return mean, tf.reduce_mean(variances, axis=0) + between


def check_batch_size(layers: Iterable[keras.layers.Layer], batch_size: int) -> None:
    """Checks, before anything is trained, that batches have statistics.

    Args:
        layers: All layers of a model, including nested ones.
        batch_size: Images per batch, over all replicas.

    Raises:
        InvalidValue: Batches have a single image, and a layer normalises vectors over
            the batch.
    """
    for layer in layers if batch_size == 1 else ():
        if isinstance(layer, BatchNorm) and _is_of_vectors(layer):
            raise _of_one_value(layer, received=f"batch_size={batch_size}")


def _is_of_vectors(layer: BatchNorm) -> bool:
    return layer.input_spec is not None and layer.input_spec.ndim == 2


def _of_one_value(layer: BatchNorm, *, received: str) -> errors.InvalidValue:
    return errors.InvalidValue(
        "Batch normalisation needs at least two values for each mean: a single value "
        "becomes a constant",
        received=f"{received} for {layer.path}",
        do="Use batches of 2 or more, which need as many examples, or parts without "
        "batch normalisation",
    )


def _values_for_each_mean(inputs: tf.Tensor) -> int | None:
    """Returns the number of values of each mean, over all replicas, or None."""
    sizes = tuple(inputs.shape)[:-1]
    return None if None in sizes else math.prod(sizes) * replicas.count()


def _of_all(local: tf.Tensor) -> tf.Tensor:
    """Returns the values of all replicas, `[replicas, ...]`, on each of them."""
    replica = tf.distribute.get_replica_context()
    own = tf.one_hot(
        replica.replica_id_in_sync_group,
        replica.num_replicas_in_sync,
        dtype=local.dtype,
    )
    row = tf.reshape(own, [-1, *[1] * local.shape.rank]) * local
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, row)
