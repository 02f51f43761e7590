# SPDX-License-Identifier: Apache-2.0
"""An invertible linear map: a matrix, or a product of triangular matrices.

Of an image it maps each pixel's channels: it is the invertible 1x1 convolution.

Kingma, Dhariwal: Glow: Generative Flow with Invertible 1x1 Convolutions, 2018, section
3.2. https://arxiv.org/abs/1807.03039
"""

__all__ = ["Linear", "LinearBijector", "MatrixBijector", "Parameters", "rotation"]

from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import step

tfb = tfp.bijectors

Parameters = Literal["lu", "plain"]
"""What is learned: triangular factors, or the matrix itself."""


class LinearBijector(tfb.Bijector):
    """The bijector of a matrix, given by its triangular factors.

    Towards noise (`inverse`),

        eps[order] = L U z
        inverse_log_det_jacobian = sum(log |diag(U)|)

    `L` is unit lower triangular and `U` upper triangular. The determinant needs no
    factorization and is exact. Towards data, vectors pass two triangular systems, and
    pixels, of which there are many, the inverse that these have. Events with more axes
    than one are mapped along the last one.
    """

    def __init__(self, factors: tf.Tensor, order: tf.Tensor, *, name: str = "linear"):
        """Initializes the bijector.

        Args:
            factors: `U`, and below its diagonal that of `L`, `[event_dim, event_dim]`.
            order: The permutation of rows, int32 `[event_dim]`.
            name: Name of the operations.
        """
        parameters = dict(locals())
        self._factors, self._order = factors, order
        super().__init__(
            forward_min_event_ndims=1,
            is_constant_jacobian=True,
            parameters=parameters,
            name=name,
        )

    def _inverse(self, z):
        upper = tf.linalg.band_part(self._factors, 0, -1)
        matrix = tf.matmul(self._lower(), upper)
        matrix = tf.gather(matrix, tf.math.invert_permutation(self._order))
        return tf.tensordot(z, matrix, axes=[[-1], [1]])

    def _forward(self, eps):
        if eps.shape.rank > 2:
            # Of many pixels: the inverse of a small matrix, and one product.
            rows = tf.eye(self._order.shape[0], dtype=eps.dtype)
            return tf.tensordot(eps, self._solved(rows), axes=[[-1], [0]])
        return self._solved(eps)

    def _solved(self, eps):
        """Returns the data of rows of noise, by two triangular systems."""
        ordered = tf.gather(eps, self._order, axis=-1)
        columns = tf.transpose(tf.reshape(ordered, [-1, self._order.shape[0]]))
        columns = tf.linalg.triangular_solve(self._lower(), columns, lower=True)
        columns = tf.linalg.triangular_solve(self._factors, columns, lower=False)
        return tf.reshape(tf.transpose(columns), tf.shape(eps))

    def _inverse_log_det_jacobian(self, z):
        del z
        diagonal = tf.linalg.diag_part(self._factors)
        return tf.reduce_sum(tf.math.log(tf.abs(diagonal)))

    def _lower(self) -> tf.Tensor:
        ones = tf.ones(self._factors.shape[0], self._factors.dtype)
        return tf.linalg.set_diag(tf.linalg.band_part(self._factors, -1, 0), ones)


class MatrixBijector(tfb.Bijector):
    """The bijector of a matrix: towards noise (`inverse`), `eps = W z`.

    Each direction factorizes the matrix, for its determinant or for its solution.
    """

    def __init__(self, matrix: tf.Tensor, *, name: str = "matrix"):
        """Initializes the bijector.

        Args:
            matrix: `W`, `[event_dim, event_dim]`.
            name: Name of the operations.
        """
        parameters = dict(locals())
        self._matrix = matrix
        super().__init__(
            forward_min_event_ndims=1,
            is_constant_jacobian=True,
            parameters=parameters,
            name=name,
        )

    def _inverse(self, z):
        return tf.tensordot(z, self._matrix, axes=[[-1], [1]])

    def _forward(self, eps):
        columns = tf.transpose(tf.reshape(eps, [-1, self._matrix.shape[0]]))
        columns = tf.linalg.solve(self._matrix, columns)
        return tf.reshape(tf.transpose(columns), tf.shape(eps))

    def _inverse_log_det_jacobian(self, z):
        del z
        return tf.linalg.slogdet(self._matrix).log_abs_determinant


@keras.saving.register_keras_serializable(package="glf_tf")
class Linear(step.AbstractFlowStep):
    """A learned matrix that starts as a random rotation.

    The code of LFBM and the release of Glow learn the matrix itself ("plain"), and
    factorize it at each use. By default its LU factors are learned, with as many
    parameters, as section 3.2 of Glow proposes; the order of rows, chosen by initial
    pivoting, is a non-trainable weight.
    """

    def __init__(
        self,
        event_shape: int | Sequence[int],
        *,
        parameters: Parameters = "lu",
        seed: int = 0,
        **kwargs,
    ):
        """Initializes the step with a random rotation.

        Args:
            event_shape: Size of the vectors, or shape of the images.
            parameters: What is learned.
            seed: Seed of the rotation.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(event_shape, **kwargs)
        step.check_choice("parameters", parameters, Parameters)
        self._parameters, matrix = parameters, rotation(self.channels, seed=seed)
        if parameters == "plain":
            self.matrix = self._add_matrix("matrix", matrix)
        else:
            factors, order = _factorized(matrix)
            self.factors = self._add_matrix("factors", factors)
            self.order = self.add_order("order", order)
        self.built = True

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        del training
        if self._parameters == "plain":
            return MatrixBijector(tf.convert_to_tensor(self.matrix))
        return LinearBijector(
            tf.convert_to_tensor(self.factors), tf.convert_to_tensor(self.order)
        )

    def _add_matrix(self, name: str, start: np.ndarray) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=start.shape,
            initializer=lambda shape, dtype: tf.constant(start, dtype, shape),
        )


def rotation(dim: int, *, seed: int) -> np.ndarray:
    """Returns a uniformly distributed random orthogonal matrix."""
    normal = np.random.default_rng(seed).normal(size=(dim, dim))
    rotation, upper = np.linalg.qr(normal)
    return rotation * np.sign(np.diagonal(upper))


def _factorized(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns U with L below its diagonal, and the pivoted order of rows.

    `(L U)[i] = matrix[order[i]]`.
    """
    factors, order = np.array(matrix, np.float64), np.arange(len(matrix))
    for column in range(len(matrix)):
        pivot = column + np.argmax(np.abs(factors[column:, column]))
        for rows in (factors, order):
            rows[[column, pivot]] = rows[[pivot, column]]
        factors[column + 1 :, column] /= factors[column, column]
        factors[column + 1 :, column + 1 :] -= np.outer(
            factors[column + 1 :, column], factors[column, column + 1 :]
        )
    return factors, order
