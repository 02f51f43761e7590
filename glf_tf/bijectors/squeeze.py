# SPDX-License-Identifier: Apache-2.0
"""Squeezing: squares of two by two pixels become the channels of one.

Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2016, section 3.6.
https://arxiv.org/abs/1605.08803
"""

__all__ = ["Order", "Reorder", "Squeeze", "check_halves", "channel_order"]

from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf import errors
from glf_tf.bijectors import step

tfb = tfp.bijectors

Order = Literal["colour", "position", "checkerboard"]
"""The order of a squeezed pixel's channels, with colour c of C at row y and column x of
its square:

    "colour"        c * 4 + 2 y + x: Glow's, and RealNVP's plain one
    "position"      (2 y + x) * C + c: `tf.nn.space_to_depth`'s
    "checkerboard"  (0, 0), (1, 1), (0, 1), (1, 0), each with all colours: RealNVP's
                    for factoring out, whose first half has the even pixels of a
                    checkerboard
"""


class _SqueezeBijector(tfb.Bijector):
    """Towards noise, `space_to_depth`, and the channels in an order."""

    def __init__(self, order: tf.Tensor, *, name: str = "squeeze"):
        parameters = dict(locals())
        self._order = order
        super().__init__(
            forward_min_event_ndims=3,
            inverse_min_event_ndims=3,
            is_constant_jacobian=True,
            parameters=parameters,
            name=name,
        )

    def _inverse(self, y):
        return tf.gather(tf.nn.space_to_depth(y, 2), self._order, axis=-1)

    def _forward(self, x):
        undone = tf.math.invert_permutation(self._order)
        return tf.nn.depth_to_space(tf.gather(x, undone, axis=-1), 2)

    def _inverse_log_det_jacobian(self, y):
        return tf.zeros([], y.dtype)

    def _inverse_event_shape(self, shape):
        height, width, channels = shape
        return tf.TensorShape([height // 2, width // 2, 4 * channels])

    def _forward_event_shape(self, shape):
        height, width, channels = shape
        return tf.TensorShape([2 * height, 2 * width, channels // 4])


@keras.saving.register_keras_serializable(package="glf_tf")
class Squeeze(step.AbstractFlowStep):
    """Towards noise, `[height, width, C]` becomes `[height / 2, width / 2, 4 C]`.

    The order of the channels is a weight that does not train: halves of channels mean
    other pixels in another order, and a model must not be restored with one.
    """

    def __init__(
        self, event_shape: Sequence[int], *, order: Order = "colour", **kwargs
    ):
        """Initializes the step.

        Args:
            event_shape: (height, width, channels), of even height and width.
            order: The order of the channels.
            **kwargs: Keyword arguments of `keras.layers.Layer`.

        Raises:
            InvalidValue: Height or width is odd.
        """
        super().__init__(event_shape, **kwargs)
        step.check_choice("order", order, Order)
        check_halves(self.event_shape)
        height, width, channels = self.event_shape
        self.noise_shape = (height // 2, width // 2, 4 * channels)
        self.order = self.add_order("order", channel_order(order, channels=channels))
        self.built = True

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        del training
        return _SqueezeBijector(tf.convert_to_tensor(self.order))


@keras.saving.register_keras_serializable(package="glf_tf")
class Reorder(step.AbstractFlowStep):
    """Towards noise, squeezed channels pass from one order to another.

    RealNVP has couplings of halves in the plain order, and factors out halves of the
    order "checkerboard".
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        order: Order = "colour",
        new_order: Order = "checkerboard",
        **kwargs,
    ):
        """Initializes the step.

        Args:
            event_shape: (height, width, channels) of squeezed images.
            order: The order of the channels.
            new_order: Their order towards noise.
            **kwargs: Keyword arguments of `keras.layers.Layer`.
        """
        super().__init__(event_shape, **kwargs)
        step.check_choice("order", order, Order)
        step.check_choice("new_order", new_order, Order)
        old, new = (
            channel_order(each, channels=self.channels // 4)
            for each in (order, new_order)
        )
        self.order = self.add_order("order", np.argsort(old)[new])
        self.built = True

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        del training
        return tfb.Invert(tfb.Permute(tf.convert_to_tensor(self.order)))


def channel_order(order: Order, *, channels: int) -> np.ndarray:
    """Returns which channel of `space_to_depth` each squeezed channel is, `[4 C]`."""
    numbers = np.arange(4 * channels).reshape(4, channels)
    if order == "colour":
        return numbers.T.ravel()
    if order == "checkerboard":
        return numbers[[0, 3, 1, 2]].ravel()
    return numbers.ravel()


def check_halves(event_shape: Sequence[int]) -> None:
    """Checks that images have squares of two by two pixels.

    Raises:
        InvalidValue: Height or width is odd.
    """
    height, width, _ = event_shape
    if height % 2 or width % 2:
        raise errors.InvalidValue(
            "A squeeze halves height and width, which must be even",
            received=f"{height} x {width} pixels",
            do="Use fewer levels, or images of another size",
        )
