# SPDX-License-Identifier: Apache-2.0
"""Spline coupling: each number of half a vector goes through a spline of its own.

Durkan, Bekasov, Murray, Papamakarios: Neural Spline Flows, 2019, section 3, and its
released code. https://arxiv.org/abs/1906.04032
"""

__all__ = ["SplineCoupling"]

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import coupling, halves, rational_quadratic, step
from glf_tf.bijectors.conditioners import residual_mlp

tfb = tfp.bijectors

_Spline = rational_quadratic.RationalQuadraticSpline


class _SplineCouplingBijector(coupling.HalvesBijector):
    """One half goes through splines that the other gives, as it is in the data.

    The other goes through fixed ones, if there are any.
    """

    def __init__(
        self,
        splines_of: Callable[[tf.Tensor], _Spline],
        fixed: _Spline | None,
        *,
        split: int,
        transforms_first: bool,
        name: str = "spline_coupling",
    ):
        super().__init__(split=split, transforms_first=transforms_first, name=name)
        self._splines_of, self._fixed = splines_of, fixed

    def towards_noise(self, z):
        """Returns the noise of vectors, and the log-determinant."""
        x, c = self._halves(z)
        x, log_det = _summed(self._splines_of(c).forward_and_log_slope(x))
        if self._fixed is not None:
            c, of_kept = _summed(self._fixed.forward_and_log_slope(c))
            log_det += of_kept
        return self._join(x, c), log_det

    def towards_data(self, eps):
        """Returns the vectors of noise, and the log-determinant."""
        x, c = self._halves(eps)
        log_det = 0.0
        if self._fixed is not None:
            c, log_det = _summed(self._fixed.inverse_and_log_slope(c))
        x, of_moved = _summed(self._splines_of(c).inverse_and_log_slope(x))
        return self._join(x, c), log_det + of_moved


@keras.saving.register_keras_serializable(package="glf_tf")
class SplineCoupling(step.AbstractFlowStep):
    """A coupling of rational-quadratic splines that starts as the identity.

    The network of the kept half returns the parameters of each spline of the other; as
    in the released code, those of widths and heights are divided by `sqrt(hidden)`. The
    kept half goes through splines whose parameters are weights. Vectors of one number
    have no kept half, and without a condition no network: only such a spline.

    Splines are the identity outside of `[-bound, bound]`, where data should not be:
    `ActNorm` or `Standardize` is to be between them and this.
    """

    def __init__(
        self,
        event_dim: int,
        *,
        transforms: halves.Half = "second",
        bins: int = 8,
        bound: float = 3.0,
        unconditional: bool = True,
        hidden: int = 128,
        depth: int = 2,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs,
    ):
        """Initializes the coupling and its variables.

        Args:
            event_dim: Size of the vectors; the first `event_dim // 2` coordinates are
                the first half.
            transforms: The half whose splines depend on the other; of one number, it is
                the second.
            bins: Number of bins of a spline.
            bound: The splines' interval is `[-bound, bound]`.
            unconditional: Whether the kept half goes through splines, too.
            hidden: Width of the network.
            depth: Number of its residual blocks.
            dropout: Share of its hidden units that are set to zero in training.
            seed: Seed of dropout.
            **kwargs: As in `AbstractFlowStep`.

        Raises:
            InvalidValue: An option is out of its range.
        """
        super().__init__(event_dim, **kwargs)
        step.check_choice("transforms", transforms, halves.Half)
        rational_quadratic.check(bins=bins, bound=bound)
        self._transforms_first = transforms == "first" and event_dim > 1
        sizes = event_dim // 2, event_dim - event_dim // 2
        self._moved, kept = sizes if self._transforms_first else sizes[::-1]
        self._bins, self._bound, self._hidden = bins, bound, hidden
        network = {"hidden": hidden, "depth": depth, "dropout": dropout, "seed": seed}
        inputs = kept + self.condition_dim
        self.network = self._make_network(inputs, **network) if inputs else None
        self.moved = None if inputs else self._add_splines("moved", self._moved)
        has_fixed = kept and unconditional
        self.kept = self._add_splines("kept", kept) if has_fixed else None
        self.built = True

    def _make_network(self, inputs: int, **options) -> residual_mlp.ResidualMLP:
        outputs = self._moved * rational_quadratic.num_parameters(self._bins)
        options["dtype"] = self.dtype_policy
        with keras.name_scope(self.name):
            return residual_mlp.ResidualMLP(inputs, outputs, name="network", **options)

    def _add_splines(self, name: str, size: int) -> keras.Variable:
        shape = (size, rational_quadratic.num_parameters(self._bins))
        return self.add_weight(name=name, shape=shape, initializer="zeros")

    def bijector(
        self, *, training: bool = False, condition: tf.Tensor | None = None
    ) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""

        def splines_of(half: tf.Tensor) -> _Spline:
            given = self.conditioned(half, condition)
            return self._spline(self._parameters(given, training=training))

        return _SplineCouplingBijector(
            splines_of,
            None if self.kept is None else self._spline(self.kept),
            split=self.event_dim // 2,
            transforms_first=self._transforms_first,
        )

    def _spline(self, parameters) -> _Spline:
        parameters = tf.convert_to_tensor(parameters)
        return rational_quadratic.spline(parameters, bound=self._bound)

    def _parameters(self, given: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Returns the parameters of the splines, `[batch, moved, 3 * bins - 1]`."""
        if self.network is None:
            return self.moved
        count = rational_quadratic.num_parameters(self._bins)
        # Slopes, which come last, are not divided.
        factors = np.ones([count])
        factors[: 2 * self._bins] = 1.0 / math.sqrt(self._hidden)
        outputs = self.network(given, training=training)
        outputs = tf.reshape(outputs, [-1, self._moved, count])
        return outputs * tf.constant(factors, outputs.dtype)


def _summed(both: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns values, and the sums of their log-slopes, `[batch]`."""
    values, log_slopes = both
    return values, tf.reduce_sum(log_slopes, axis=-1)
