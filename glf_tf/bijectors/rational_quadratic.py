# SPDX-License-Identifier: Apache-2.0
"""Rational-quadratic splines: increasing functions of one number, made of bins.

Durkan, Bekasov, Murray, Papamakarios: Neural Spline Flows, 2019, section 3.1 and
appendix A. https://arxiv.org/abs/1906.04032
"""

__all__ = ["RationalQuadraticSpline", "check", "num_parameters", "spline"]

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability.python.bijectors import rational_quadratic_spline as _tfp

from glf_tf import errors
from glf_tf.bijectors import softplus

tfb = tfp.bijectors

LEAST_SIZE = 1e-3
"""Minimum of a bin's width and height, as a part of the interval."""

LEAST_SLOPE = 1e-3
"""Minimum of the slope at a knot."""

_MOST_BINS = 512

_UNIT_SLOPE = math.log(math.expm1(1.0 - LEAST_SLOPE))
"""The argument at which `LEAST_SLOPE + softplus` is 1."""


class RationalQuadraticSpline(tfb.RationalQuadraticSpline):
    """The spline of TensorFlow Probability, for each number of a tensor its own.

    In bin k, of width w and height h, with slopes d_k and d_(k+1) at its knots,

        s = h / w,  t = (x - x_k) / w,  p = (y - y_k) / h
        y = y_k + h (s t^2 + d_k t (1 - t)) / (s + (d_k + d_(k+1) - 2 s) t (1 - t))

    The first and the last slope are 1, and so is the map outside of the interval.

    Deviation: TFP and nflows solve for t by the discriminant `b^2 - 4 a c`, which
        rounding makes negative, and the root NaN. It is `h^2` times

            D^2 + 4 s^2 p (1 - p),  D = d_k (1 - p) - d_(k+1) p

        which cannot be negative. Neither do the roots below cancel digits.
    """

    def forward_and_log_slope(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `y`, and `log dy/dx`, of the shape of `x`."""
        inside = self._clipped(x)
        y = tf.where(inside == x, self._forward(inside), x)
        return y, self._forward_log_det_jacobian(inside)

    def inverse_and_log_slope(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `x`, and `log dx/dy`, of the shape of `y`."""
        inside = self._clipped(y)
        x = self._inverse(inside)
        log_slope = self._forward_log_det_jacobian(x)
        return tf.where(inside == y, x, y), -log_slope

    def _clipped(self, x: tf.Tensor) -> tf.Tensor:
        # Far outside, gradients of the formulas would overflow, although not used.
        return tf.clip_by_value(x, self.range_min, -self.range_min)

    def _inverse(self, y):
        bins = self._compute_shared(y=y)
        p = (y - bins.y_k) / bins.h_k
        left, right = 2.0 * bins.s_k * p, 2.0 * bins.s_k * (1.0 - p)
        falling = bins.d_k * (1.0 - p) - bins.d_kp1 * p
        root = tf.abs(falling) + tf.sqrt(tf.square(falling) + left * right)
        t = tf.where(falling >= 0.0, left / (left + root), root / (root + right))
        x = tf.where(bins.out_of_bounds, y, bins.x_k + bins.w_k * t)
        self._found = x, bins
        return x

    def _compute_shared(self, x=None, y=None):
        """Returns the bins of numbers, once for a value and its log-slope.

        TFP's own search, with shapes that only the graph knows, takes six times as long
        to trace.
        """
        numbers = y if x is None else x
        if numbers is not getattr(self, "_found", (None,))[0]:
            self._found = numbers, self._bins(numbers, is_x=y is None)
        return self._found[1]

    def _bins(self, numbers: tf.Tensor, *, is_x: bool):
        slope = tf.ones_like(self.knot_slopes[..., :1])
        knots_x, knots_y = self._knots(self.bin_widths), self._knots(self.bin_heights)
        slopes = tf.concat([slope, self.knot_slopes, slope], axis=-1)
        inner = (knots_x if is_x else knots_y)[..., 1:-1]
        is_above = tf.cast(numbers[..., None] >= inner, inner.dtype)
        zero = tf.zeros_like(is_above[..., :1])
        # 1 for the bin that a number is in, 0 for the others.
        is_here = tf.concat([1.0 - zero, is_above], -1) - tf.concat(
            [is_above, zero], -1
        )
        lower, upper = tf.concat([is_here, zero], -1), tf.concat([zero, is_here], -1)
        x_k, y_k, d_k = (_summed(lower * at) for at in (knots_x, knots_y, slopes))
        x_kp1, y_kp1, d_kp1 = (_summed(upper * at) for at in (knots_x, knots_y, slopes))
        return _tfp._SplineShared(
            out_of_bounds=tf.abs(numbers) >= -self.range_min,
            x_k=x_k,
            y_k=y_k,
            d_k=d_k,
            d_kp1=d_kp1,
            h_k=y_kp1 - y_k,
            w_k=x_kp1 - x_k,
            s_k=(y_kp1 - y_k) / (x_kp1 - x_k),
        )

    def _knots(self, sizes: tf.Tensor) -> tf.Tensor:
        """Returns the knots of bins, `[..., bins + 1]`.

        The last one is exactly the bound, and sizes of bins are differences of knots:
        then `t` and `p` are between 0 and 1 in any precision.
        """
        bins, bound = sizes.shape[-1], -self.range_min
        sums = np.triu(np.ones([bins, bins + 1]), 1)
        sums[:, -1] = 0.0
        ends = tf.concat([tf.fill([bins], -bound), [bound]], axis=0)
        return tf.tensordot(sizes, tf.constant(sums, sizes.dtype), axes=1) + ends


def _summed(values: tf.Tensor) -> tf.Tensor:
    """Returns sums over the last axis: short ones are fastest as a product."""
    return tf.tensordot(values, tf.ones(values.shape[-1:], values.dtype), axes=1)


def num_parameters(bins: int) -> int:
    """Returns the number of parameters of a spline."""
    return 3 * bins - 1


def spline(parameters: tf.Tensor, *, bound: float) -> RationalQuadraticSpline:
    """Returns the splines of unconstrained parameters.

        widths = 2 bound (0.001 + (1 - 0.001 bins) softmax(parameters))
        slopes = 0.001 + softplus(parameters + c)

    with heights as widths, and c such that all zeros are the identity.

    Args:
        parameters: `[..., 3 * bins - 1]`: of widths, of heights, and of inner slopes.
        bound: The interval is `[-bound, bound]`; outside is the identity.
    """
    bins = (parameters.shape[-1] + 1) // 3
    widths, heights, slopes = tf.split(parameters, [bins, bins, bins - 1], axis=-1)

    def sizes(logits):
        shares = LEAST_SIZE + (1.0 - LEAST_SIZE * bins) * tf.nn.softmax(logits)
        return 2.0 * bound * shares

    return RationalQuadraticSpline(
        sizes(widths),
        sizes(heights),
        LEAST_SLOPE + softplus.softplus(slopes + _UNIT_SLOPE),
        range_min=-bound,
    )


def check(*, bins: int, bound: float) -> None:
    """Checks the options of splines.

    Raises:
        InvalidValue: There are too few or too many bins, or the bound is not positive.
    """
    if not 2 <= bins <= _MOST_BINS:
        raise errors.InvalidValue(
            f"A spline has 2 to {_MOST_BINS} bins",
            received=f"bins={bins}",
            do="Use for instance 8",
        )
    if not (bound > 0.0 and np.isfinite(bound)):
        raise errors.InvalidValue(
            "The interval of a spline, [-bound, bound], must have a positive bound",
            received=f"bound={bound}",
            do="Use for instance 3.0, for data of mean 0 and deviation 1",
        )
