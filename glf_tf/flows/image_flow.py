# SPDX-License-Identifier: Apache-2.0
"""The base class of flows on images: levels of steps, to one flat noise."""

__all__ = ["AbstractImageFlow", "check_levels"]

import abc
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import errors, types
from glf_tf.bijectors import factor_out, multi_scale
from glf_tf.flows import flow

tfb = tfp.bijectors


class AbstractImageFlow(flow.AbstractStartedFlow):
    """A flow from flat noise `[batch, height * width * channels]` to images.

    `make_steps` returns flow steps, and a `bijectors.factor_out.FactorOut` at the end
    of each level, the last of which factors out all that is left.
    """

    def __init__(
        self, event_shape: types.ImageShape, *, recompute: bool = False, **kwargs
    ):
        """Initializes the flow: its steps are those of `make_steps`.

        Args:
            event_shape: (height, width, channels).
            recompute: Whether gradients compute the inner values of each step again
                instead of keeping them: less memory, more time.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        self._recompute = recompute
        super().__init__(_checked_shape(event_shape), **kwargs)
        self.noise_shape = (int(np.prod(self.event_shape)),)

    @property
    def top_shape(self) -> types.ImageShape:
        """(height, width, channels) of the last part of the noise."""
        return self.steps[-1].shape_out

    @abc.abstractmethod
    def make_steps(self) -> list:
        """Returns new steps; the first one is next to the data."""

    def _shape_after(self, layer, shape):
        if not isinstance(layer, factor_out.FactorOut):
            return super()._shape_after(layer, shape)
        flow.check_shape(layer, shape)
        return layer.kept_shape if layer.kept_shape[-1] else None

    def _check_end(self, shape):
        if shape is not None:
            raise errors.InvalidValue(
                "The last step of a flow on images must make all that is left noise, or"
                " its density would miss it",
                received=f"images {shape} left by {type(self).__name__}",
                do="End with a FactorOut, without `kept`",
            )

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from flat noise to images."""
        return multi_scale.MultiScaleBijector(
            self.steps, training=training, recomputes=self._recompute
        )

    def _start_steps(self, x: tf.Tensor, condition: tf.Tensor | None) -> None:
        del condition
        for layer in self.steps:
            if hasattr(layer, "start"):
                x = layer.start(x)
            else:
                x, _, _ = layer.towards_noise(x)


def check_levels(event_shape: Sequence[int], levels: int, *, whole: int = 0) -> None:
    """Checks that images can be halved once a level.

    Args:
        event_shape: (height, width, channels).
        levels: Number of levels.
        whole: Number of levels that do not halve.

    Raises:
        InvalidValue: They cannot.
    """
    flow.check_sizes(levels=levels)
    height, width, _ = _checked_shape(event_shape)
    most = _halvings(height, width) + whole
    if levels > most:
        but = " but one" if whole else ""
        raise errors.InvalidValue(
            f"Each level of a flow{but} halves height and width, which must be even",
            received=f"levels={levels} for {height} x {width} pixels",
            do=f"Use levels={most}" if most else "Use images of even height and width",
        )


def _halvings(height: int, width: int) -> int:
    common = int(np.gcd(height, width))
    return (common & -common).bit_length() - 1


def _checked_shape(event_shape: object) -> types.ImageShape:
    shape = tuple(int(size) for size in np.ravel(event_shape))
    if len(shape) != 3 or min(shape) < 1:
        raise errors.InvalidValue(
            "A flow on images has an event_shape of (height, width, channels)",
            received=f"event_shape={event_shape}",
            do="Use for instance (28, 28, 1), or a flow on vectors such as real_nvp",
        )
    return shape
