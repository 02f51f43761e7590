# SPDX-License-Identifier: Apache-2.0
"""Affine coupling: half of a vector is scaled and shifted depending on the other half.

Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2016.
https://arxiv.org/abs/1605.08803
Xiao, Yan, Amit: Generative Latent Flow, 2019, section 3.1.
https://arxiv.org/abs/1905.10485
"""

__all__ = ["Coupling", "CouplingBijector", "halves", "log_sigmoid_scale", "soft_clamp"]

from collections.abc import Callable
from typing import Literal

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import errors
from glf_tf.bijectors import conditioner, one_pass, step

tfb = tfp.bijectors

CLAMP = 2.0
"""Bound on the soft-clamped log-scale, in nats: `exp(-2) < scale < exp(2)`."""

LEAST_SCALE = 1e-3
"""Minimum of a sigmoid scale, without which samples overflow."""


class HalvesBijector(one_pass.OnePassBijector):
    """A bijector of vectors, of which it treats two halves differently."""

    def __init__(self, *, split: int, transforms_first: bool, name: str):
        """Initializes the bijector.

        Args:
            split: Size of the first half.
            transforms_first: Whether the first half is transformed, or the second.
            name: Name of the operations.
        """
        super().__init__(1, name=name)
        self._split, self._transforms_first = split, transforms_first

    def _halves(self, vector):
        """Returns the transformed half and the conditioning half."""
        first, second = vector[..., : self._split], vector[..., self._split :]
        return (first, second) if self._transforms_first else (second, first)

    def _join(self, transformed, conditioning):
        halves = (transformed, conditioning)
        return tf.concat(halves if self._transforms_first else halves[::-1], axis=-1)


class CouplingBijector(HalvesBijector):
    """The bijector of an affine coupling, with its parameters given as a function.

    Towards noise (`inverse`), with `c` the half that conditions and `x` the other:

        shift, log_scale = parameters(c)
        multiply first:  y = x * exp(log_scale) + shift
        shift first:     y = (x + shift) * exp(log_scale)
        inverse_log_det_jacobian = sum(log_scale, axis=-1)

    Value and log-determinant come from one pass through the network, which
    `tfb.RealNVP` runs twice.
    """

    def __init__(
        self,
        parameters_fn: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
        *,
        split: int,
        transforms_first: bool,
        shift_first: bool,
        name: str = "coupling",
    ):
        """Initializes the bijector.

        Args:
            parameters_fn: Maps the conditioning half to `(shift, log_scale)`.
            split: Size of the first half.
            transforms_first: Whether the first half is transformed, or the second.
            shift_first: Whether the shift comes before the scale, towards noise.
            name: Name of the operations.
        """
        super().__init__(split=split, transforms_first=transforms_first, name=name)
        self._parameters_fn = parameters_fn
        self._shift_first = shift_first

    def towards_noise(self, z):
        """Returns the noise of vectors, and the log-determinant."""
        x, c = self._halves(z)
        shift, log_scale = self._parameters_fn(c)
        scale = tf.exp(log_scale)
        y = (x + shift) * scale if self._shift_first else x * scale + shift
        return self._join(y, c), tf.reduce_sum(log_scale, axis=-1)

    def towards_data(self, eps):
        """Returns the vectors of noise, and the log-determinant."""
        y, c = self._halves(eps)
        shift, log_scale = self._parameters_fn(c)
        scale = tf.exp(-log_scale)
        x = y * scale - shift if self._shift_first else (y - shift) * scale
        return self._join(x, c), -tf.reduce_sum(log_scale, axis=-1)


@keras.saving.register_keras_serializable(package="glf_tf")
class Coupling(step.AbstractFlowStep):
    """A coupling whose shift and scale are computed by small networks.

    The log-scale is bounded by default, so that no sample can overflow:

        "soft_clamp":  log_scale = 2 * 0.636 * atan(raw), in (-2, 2); multiply, shift
        "sigmoid":     scale = 0.001 + 0.999 * sigmoid(raw + 2); shift, multiply
        "exp":         log_scale = raw, without a bound; multiply, shift

    The first is that of the GLF authors' code. The second is that of the slides;
    towards noise it only contracts, so latents narrower than the noise cannot be
    widened. The third is that of section 3.1 of GLF's paper: with it, a sample far from
    the data may overflow.

    Deviation: the slides' scale has no minimum, although the map from noise divides by
        it.
    """

    def __init__(
        self,
        event_dim: int,
        *,
        transforms: Literal["first", "second"] = "second",
        scale: Literal["soft_clamp", "sigmoid", "exp"] = "soft_clamp",
        hidden: int = 64,
        batch_norm: bool = False,
        shared: bool = False,
        **kwargs,
    ):
        """Initializes the coupling and its variables.

        Args:
            event_dim: Size of the vectors, at least 2; the first `event_dim // 2`
                coordinates are the first half.
            transforms: The half that is transformed; the other is the condition.
            scale: How the log-scale is bounded.
            hidden: Width of the networks.
            batch_norm: Whether the networks normalise over the batch.
            shared: Whether one network computes shift and scale, or one each.
            **kwargs: As in `AbstractFlowStep`.

        Raises:
            InvalidValue: `event_dim` is smaller than 2.
        """
        super().__init__(event_dim, **kwargs)
        self.transforms, self.scale = transforms, scale
        sizes = halves(event_dim)
        output_dim, input_dim = sizes if transforms == "first" else sizes[::-1]

        def network(name: str, factor: int = 1) -> conditioner.Conditioner:
            return conditioner.Conditioner(
                input_dim + self.condition_dim,
                factor * output_dim,
                hidden=hidden,
                batch_norm=batch_norm,
                dtype=self.dtype_policy,
                name=name,
            )

        with keras.name_scope(self.name):
            self.shared_net = network("shared", 2) if shared else None
            self.shift_net = None if shared else network("shift")
            self.scale_net = None if shared else network("scale")
        self.built = True

    def bijector(
        self, *, training: bool = False, condition: tf.Tensor | None = None
    ) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        return CouplingBijector(
            lambda half: self._parameters(
                self.conditioned(half, condition), training=training
            ),
            split=self.event_dim // 2,
            transforms_first=self.transforms == "first",
            shift_first=self.scale == "sigmoid",
        )

    def _parameters(self, given, *, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        if self.shared_net is not None:
            outputs = self.shared_net(given, training=training)
            raw, shift = tf.split(outputs, 2, axis=-1)
        else:
            raw = self.scale_net(given, training=training)
            shift = self.shift_net(given, training=training)
        return shift, _LOG_SCALES[self.scale](raw)


def halves(event_dim: int) -> tuple[int, int]:
    """Returns the sizes of a vector's first and second half.

    Raises:
        InvalidValue: `event_dim` is smaller than 2.
    """
    if event_dim < 2:
        raise errors.InvalidValue(
            "A coupling needs a vector with two halves",
            received=f"event_dim={event_dim}",
            do="Use at least 2, or a flow such as neural_spline, which takes 1",
        )
    return event_dim // 2, event_dim - event_dim // 2


def log_sigmoid_scale(raw: tf.Tensor) -> tf.Tensor:
    """Returns the logarithm of a scale between `LEAST_SCALE` and 1."""
    return tf.math.log(LEAST_SCALE + (1.0 - LEAST_SCALE) * tf.sigmoid(raw + 2.0))


def soft_clamp(raw: tf.Tensor) -> tf.Tensor:
    """Returns a log-scale between `-CLAMP` and `CLAMP`."""
    # 0.636 is 2 / pi rounded down, as in the authors' code: atan(raw) * 0.636 < 1.
    return CLAMP * 0.636 * tf.atan(raw)


_LOG_SCALES = {
    "soft_clamp": soft_clamp,
    "sigmoid": log_sigmoid_scale,
    "exp": tf.convert_to_tensor,
}
