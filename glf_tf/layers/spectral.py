# SPDX-License-Identifier: Apache-2.0
"""Spectral normalisation of networks: layers whose matrices have norm 1.

Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial
Networks, 2018, algorithm 1. https://arxiv.org/abs/1802.05957
"""

__all__ = ["SpectralNormalized", "normalized"]

import keras
import tensorflow as tf
from keras import layers

from glf_tf import errors

_OUTPUT_AXIS = {layers.Dense: 1, layers.Conv2D: 3, layers.Conv2DTranspose: 2}
"""The supported layers, with the axis of outputs of their kernels."""

_FIRST_ITERATIONS = 20
"""Iterations at the start, so that the first training steps have the right norm."""


def normalized(model: keras.Model) -> keras.Model:
    """Returns a spectrally normalised copy of a sequential or functional model.

    Its dense and convolutional layers are wrapped in `SpectralNormalized`, with their
    names.

    Raises:
        Unsupported: Another layer has matrices, which would keep their norms.
    """
    _check_known(model)

    def clone(layer: layers.Layer) -> layers.Layer:
        copy = type(layer).from_config(layer.get_config())
        return (
            SpectralNormalized(copy) if isinstance(layer, tuple(_OUTPUT_AXIS)) else copy
        )

    return keras.models.clone_model(model, clone_function=clone)


def _check_known(model: keras.Model) -> None:
    for layer in model.layers:
        has_matrix = any(len(weight.shape) > 1 for weight in layer.trainable_weights)
        if has_matrix and not isinstance(layer, tuple(_OUTPUT_AXIS)):
            raise errors.Unsupported(
                "Spectral normalisation is of dense layers and convolutions",
                received=f"the {type(layer).__name__} {layer.name}",
                do="Use another network, or another normalisation",
            )


@keras.saving.register_keras_serializable(package="glf_tf")
class SpectralNormalized(layers.Wrapper):
    """A layer with the kernel `W / sigma(W)` instead of `W`.

        v = normalize(W^T u),  u' = normalize(W v),  sigma = u'^T W v   (algorithm 1)

    `W` is the kernel as a matrix of [outputs, everything else]; `u` is a non-trainable
    weight, improved by one power iteration per training step. The gradient flows
    through the division; `u` and `v` are constants. At inference `sigma = norm(W^T u)`,
    and `u` is kept.

    Deviation: `keras.layers.SpectralNormalization` overwrites the kernel, so that the
        optimiser's step and the division alternate, and confuses inputs and outputs of
        a transposed convolution.

    Args:
        layer: A dense layer, a convolution or a transposed convolution.
    """

    def __init__(self, layer: layers.Layer, **kwargs):
        kwargs.setdefault("name", layer.name)
        super().__init__(layer, **kwargs)

    def build(self, input_shape=None):
        """Creates the layer's weights and `u`."""
        super().build(input_shape)
        # All replicas compute the same value from the same kernel, without
        # communication. This is synchronisation "on_read", which `add_weight` does not
        # support.
        self.u = keras.Variable(
            self._first_u,
            shape=(self.layer.kernel.shape[self._axis],),
            dtype=self.variable_dtype,
            trainable=False,
            synchronization="on_read",
            aggregation="only_first_replica",
            name="u",
        )

    def call(self, inputs, training=False):
        """Returns the layer's output with the normalised kernel."""
        kernel = tf.convert_to_tensor(self.layer.kernel.value)
        matrix = self._matrix(kernel)
        u = tf.cast(tf.convert_to_tensor(self.u.value), matrix.dtype)
        if training:
            # Constants to the gradient, as in the paper.
            u, v = _iterated(tf.stop_gradient(matrix), u)
            self.u.assign(u)
        else:
            v = tf.math.l2_normalize(tf.linalg.matvec(matrix, u, transpose_a=True))
            v = tf.stop_gradient(v)
        sigma = tf.tensordot(u, tf.linalg.matvec(matrix, v), axes=1)
        # Within the scope the kernel has another value, without an assignment.
        mapping = [(self.layer.kernel, kernel / tf.maximum(sigma, 1e-12))]
        with keras.StatelessScope(state_mapping=mapping):
            return self.layer(inputs)

    def compute_output_shape(self, input_shape):
        """Returns the output shape of the layer."""
        return self.layer.compute_output_shape(input_shape)

    def _matrix(self, kernel: tf.Tensor) -> tf.Tensor:
        axis = self._axis
        others = [place for place in range(kernel.shape.rank) if place != axis]
        first = tf.transpose(kernel, [axis, *others])
        return tf.reshape(first, [kernel.shape[axis], -1])

    @property
    def _axis(self) -> int:
        """The kernel's axis of outputs."""
        kinds = (
            axis for kind, axis in _OUTPUT_AXIS.items() if isinstance(self.layer, kind)
        )
        return next(kinds)

    def _first_u(self, shape, dtype):
        matrix = self._matrix(tf.convert_to_tensor(self.layer.kernel.value))
        u = tf.math.l2_normalize(tf.reduce_sum(matrix, axis=1))
        for _ in range(_FIRST_ITERATIONS):
            u, _ = _iterated(matrix, u)
        return tf.cast(tf.reshape(u, shape), dtype)


def _iterated(matrix: tf.Tensor, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns `u` after a step of power iteration, and `v`."""
    v = tf.math.l2_normalize(tf.linalg.matvec(matrix, u, transpose_a=True))
    return tf.math.l2_normalize(tf.linalg.matvec(matrix, v)), v
