# SPDX-License-Identifier: Apache-2.0
"""Planar flows: a vector is shifted along one direction, depending on another.

Rezende, Mohamed: Variational Inference with Normalizing Flows, 2015, section 4.1 and
appendix A.1. https://arxiv.org/abs/1505.05770
"""

__all__ = ["Planar", "PlanarBijector"]

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import softplus, step

tfb = tfp.bijectors

_SHIFT = math.log(math.e - 1.0)
"""The argument at which `softplus` is 1, so that orthogonal directions stay."""

_TINY = 1e-12
"""Keeps the direction of a zero vector finite."""

_LEAST = 1e-30
"""Keeps the logarithm of a slope finite."""


class PlanarBijector(tfb.Bijector):
    """The bijector of a planar flow, from noise (`forward`) to data.

        a = w . x + b
        y = x + u' tanh(a)                                                    (eq. 10)
        log det = log(1 + m (1 - tanh(a)^2)),  m = w . u'                     (eq. 12)

    The map is invertible if `m > -1`, which moves `u` along `w` (appendix A.1):

        m = softplus(w . u + log(e - 1)) - 1,  u' = u + (m - w . u) w / |w|^2

    The shift inside the softplus, which is not in the paper, makes `u = 0` the
    identity. Computed is `1 + m`, the least slope along `w`, as in single precision `m`
    would be rounded to -1, where the determinant is 0. `inverse` finds `w . x` as the
    root of an increasing function by bisection; training does not need it.
    """

    def __init__(
        self, u: tf.Tensor, w: tf.Tensor, b: tf.Tensor, *, name: str = "planar"
    ):
        """Initializes the bijector.

        Args:
            u: The unconstrained direction of the shift, `[..., event_dim]`.
            w: The direction that determines the shift, `[..., event_dim]`.
            b: The offset, `[...]`.
            name: Name of the operations.
        """
        parameters = dict(locals())
        self._u, self._w, self._b = u, w, b
        super().__init__(
            forward_min_event_ndims=1,
            is_constant_jacobian=False,
            parameters=parameters,
            name=name,
        )

    def _constrained(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `u'`, `[..., event_dim]`, and `1 + m`, `[...]`."""
        free = _dot(self._w, self._u)
        rise = softplus.softplus(free + _SHIFT)
        length = _dot(self._w, self._w) + _TINY
        return self._u + ((rise - 1.0 - free) / length)[..., None] * self._w, rise

    def _forward(self, x):
        u, _ = self._constrained()
        return x + u * tf.tanh(_dot(self._w, x) + self._b)[..., None]

    def _forward_log_det_jacobian(self, x):
        _, rise = self._constrained()
        return tf.math.log(_slope(_dot(self._w, x) + self._b, rise=rise))

    def _inverse(self, y):
        u, rise = self._constrained()
        along = _root(_dot(self._w, y), rise=rise, b=self._b)
        return y - u * tf.tanh(along + self._b)[..., None]


@keras.saving.register_keras_serializable(package="glf_tf")
class Planar(step.AbstractFlowStep):
    """A planar flow that starts as the identity.

    It has its own parameters, to which an encoder may add an offset for each vector
    (amortised flows).
    """

    def __init__(self, event_dim: int, *, seed: int = 0, **kwargs):
        """Initializes the step and its variables.

        Args:
            event_dim: Size of the vectors.
            seed: Seed of the direction `w`, which must not start at zero.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(event_dim, **kwargs)
        self.u = self.add_weight(name="u", shape=(event_dim,), initializer="zeros")
        self.w = self.add_weight(
            name="w",
            shape=(event_dim,),
            initializer=keras.initializers.RandomNormal(event_dim**-0.5, seed=seed),
        )
        self.b = self.add_weight(name="b", shape=(), initializer="zeros")
        self.built = True

    @property
    def num_parameters(self) -> int:
        """Number of parameters, and of their offsets by an encoder."""
        return 2 * self.event_dim + 1

    def bijector(
        self, *, training: bool = False, moved_by: tf.Tensor | None = None
    ) -> PlanarBijector:
        """Returns a fresh bijector from noise to data.

        Args:
            training: Has no effect.
            moved_by: Offsets of the parameters for each vector, `[batch,
                num_parameters]`.
        """
        del training
        u, w, b = (
            tf.convert_to_tensor(parameter) for parameter in (self.u, self.w, self.b)
        )
        if moved_by is not None:
            du, dw, db = tf.split(moved_by, [self.event_dim, self.event_dim, 1], axis=1)
            u, w, b = u + du, w + dw, b + db[:, 0]
        return PlanarBijector(u, w, b)


def _dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b, axis=-1)


def _slope(a: tf.Tensor, *, rise: tf.Tensor) -> tf.Tensor:
    """Returns `1 + m (1 - tanh(a)^2)` of `rise = 1 + m`, which is positive."""
    bent = tf.square(tf.tanh(a))
    return bent + rise * (1.0 - bent) + _LEAST


def _root(value: tf.Tensor, *, rise: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the root `a` of `a + m tanh(a + b) = value`, increasing as `m > -1`."""

    def excess(a):
        return a + (rise - 1.0) * tf.tanh(a + b) - value

    fixed = tf.stop_gradient(value)
    reach = tf.stop_gradient(tf.abs(rise - 1.0))
    root, *_ = tfp.math.find_root_chandrupatla(
        lambda a: tf.stop_gradient(excess(a)),
        fixed - reach - _TINY,
        fixed + reach + _TINY,
        position_tolerance=1e-14 if value.dtype == tf.float64 else 1e-7,
        max_iterations=100,
    )
    root = tf.stop_gradient(root)
    # One Newton step keeps the root, and gives it the right derivatives.
    return root - excess(root) / tf.stop_gradient(_slope(root + b, rise=rise))
