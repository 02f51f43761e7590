# SPDX-License-Identifier: Apache-2.0
"""Autoregressive steps: each coordinate is transformed depending on those before it.

Papamakarios, Pavlakou, Murray: Masked Autoregressive Flow for Density Estimation, 2017.
https://arxiv.org/abs/1705.07057
Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling: Improving Variational Inference
with Inverse Autoregressive Flow, 2016. https://arxiv.org/abs/1606.04934
Durkan, Bekasov, Murray, Papamakarios: Neural Spline Flows, 2019, section 3.3, on
autoregressive splines. https://arxiv.org/abs/1906.04032
"""

__all__ = ["Affine", "Fast", "MaskedAutoregressive", "Transform"]

import functools
from typing import Literal

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import autoregressive, coupling, rational_quadratic, step
from glf_tf.bijectors.conditioners import made

tfb = tfp.bijectors

Fast = Literal["density", "sampling"]
"""The direction that takes one pass: towards noise, or towards data."""

Transform = Literal["affine", "spline"]
"""What each coordinate passes."""


class Affine:
    """Functions `y = x * exp(log_scale) + shift` of one number, of bounded scale."""

    def __init__(self, parameters: tf.Tensor):
        """Initializes the functions by shifts and raw log-scales, `[..., 2]`."""
        self._shift, raw = tf.unstack(parameters, axis=-1)
        self._log_scale = coupling.soft_clamp(raw)

    def forward_and_log_slope(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `y`, and `log dy/dx`, of the shape of `x`."""
        return x * tf.exp(self._log_scale) + self._shift, self._log_scale

    def inverse_and_log_slope(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `x`, and `log dx/dy`, of the shape of `y`."""
        return (y - self._shift) * tf.exp(-self._log_scale), -self._log_scale


@keras.saving.register_keras_serializable(package="glf_tf")
class MaskedAutoregressive(step.AbstractFlowStep):
    """An autoregressive step whose parameters are those of one masked network.

    Fast in "density", it is a layer of MAF: towards noise each coordinate depends on
    the *data* before it. Fast in "sampling", it is the same map with its directions
    exchanged, a layer of IAF: towards data each depends on the *noise* before it. The
    other direction takes `event_dim` passes, one after the other. The step starts as
    the identity.

    "affine" transforms scale and shift, "spline" ones are rational-quadratic splines
    inside an interval, and the identity outside.

    Deviation: log-scales are bounded as those of couplings are, `2 * 0.636 * atan(raw)`
        in (-2, 2), so that no sample can overflow.
    """

    def __init__(
        self,
        event_dim: int,
        *,
        fast: Fast = "density",
        transform: Transform = "affine",
        bins: int = 8,
        bound: float = 3.0,
        hidden: int = 256,
        depth: int = 2,
        residual: bool = False,
        **kwargs,
    ):
        """Initializes the step and its variables.

        Args:
            event_dim: Size of the vectors.
            fast: The direction that takes one pass.
            transform: What each coordinate passes.
            bins: Number of bins of a spline.
            bound: The interval of a spline is `[-bound, bound]`.
            hidden: Width of the network.
            depth: Number of its hidden layers, or of its residual blocks.
            residual: Whether it has residual blocks.
            **kwargs: As in `AbstractFlowStep`.
        """
        super().__init__(event_dim, **kwargs)
        step.check_choice("fast", fast, Fast)
        step.check_choice("transform", transform, Transform)
        rational_quadratic.check(bins=bins, bound=bound)
        self._fast = fast
        count, self._transform_fn = 2, Affine
        if transform == "spline":
            count = rational_quadratic.num_parameters(bins)
            spline = functools.partial(rational_quadratic.spline, bound=bound)
            self._transform_fn = spline
        with keras.name_scope(self.name):
            self.network = made.MADE(
                event_dim,
                count,
                hidden=hidden,
                depth=depth,
                residual=residual,
                condition_dim=self.condition_dim,
                dtype=self.dtype_policy,
                name="network",
            )
        self.built = True

    def bijector(
        self, *, training: bool = False, condition: tf.Tensor | None = None
    ) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        del training
        bijector = autoregressive.AutoregressiveBijector(
            self.network,
            self._transform_fn,
            given_fn=lambda x: self.conditioned(x, condition),
        )
        return bijector if self._fast == "density" else tfb.Invert(bijector)
