# SPDX-License-Identifier: Apache-2.0
"""Couplings on images: of halves of channels, and of the squares of a checkerboard.

Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, 2016, sections 3.3 and
3.4. https://arxiv.org/abs/1605.08803
Behrmann, Vicol, Wang, Grosse, Jacobsen: Understanding and Mitigating Exploding Inverses
in Invertible Neural Networks, 2021, on bounds of the scale.
https://arxiv.org/abs/2006.09347
"""

__all__ = ["ImageCoupling", "Scale"]

from collections.abc import Callable, Sequence
from typing import Literal

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from glf_tf.bijectors import coupling, halves, one_pass, step
from glf_tf.bijectors.conditioners import choice

tfb = tfp.bijectors

Scale = Literal["tanh", "stretched_tanh", "rescaled_tanh", "sigmoid", "exp", "none"]
"""The log-scale of the network's output `u`, with a learned `r` for each channel:

    "tanh"            2 tanh(u / 2), in (-2, 2)
    "stretched_tanh"  e^r tanh(u / e^r): the UvA's
    "rescaled_tanh"   r tanh(u): RealNVP's
    "sigmoid"         log(0.001 + 0.999 sigmoid(u + 2)): Glow's, with a minimum
    "exp"             u, unbounded
    "none"            0: an additive coupling
"""

_Split = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
_LEARNED = ("stretched_tanh", "rescaled_tanh")


class _CouplingBijector(one_pass.OnePassBijector):
    """Towards noise, `x -> (x + shift) * exp(log_scale)`, both 0 where `x` is kept."""

    def __init__(self, parameters_fn: _Split, *, name: str = "image_coupling"):
        """Initializes the bijector.

        Args:
            parameters_fn: Maps images, of which it uses what is kept alone, to the
                shift and the log-scale of all of them.
            name: Name of the operations.
        """
        super().__init__(3, name=name)
        self._parameters_fn = parameters_fn

    def towards_noise(self, x):
        """Returns the noise of images, and the log-determinant."""
        shift, log_scale = self._parameters_fn(x)
        return (x + shift) * tf.exp(log_scale), tf.reduce_sum(log_scale, [1, 2, 3])

    def towards_data(self, eps):
        """Returns the images of noise, and the log-determinant."""
        shift, log_scale = self._parameters_fn(eps)
        return eps * tf.exp(-log_scale) - shift, -tf.reduce_sum(log_scale, [1, 2, 3])


@keras.saving.register_keras_serializable(package="glf_tf")
class ImageCoupling(step.AbstractFlowStep):
    """A coupling whose shift and log-scale a convolutional network computes.

    Towards noise, with `c` the half that is kept and `x` the other,

        shift, u = network(c);  eps = (x + shift) * exp(log_scale(u))

    By default the log-scale is bounded: an unbounded one, or one without a minimum,
    makes inverses explode on images that the flow has not seen.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        network: choice.Network,
        masking: halves.Masking = "channels",
        transforms: halves.Half = "second",
        scale: Scale = "tanh",
        rescale_start: float = 1.0,
        shows_mask: bool = False,
        **kwargs,
    ):
        """Initializes the coupling and its variables.

        Args:
            event_shape: (height, width, channels).
            network: What computes shift and log-scale.
            masking: What a half is.
            transforms: The half that is transformed; the other is kept.
            scale: The log-scale.
            rescale_start: The start of `r` in "rescaled_tanh".
            shows_mask: Whether the network has one more channel, which is 1 at the
                pixels of a checkerboard that are kept.
            **kwargs: Keyword arguments of `keras.layers.Layer`.

        Raises:
            InvalidType: The network is none.
            InvalidValue: The channels have no halves, or an option no such value.
        """
        super().__init__(event_shape, **kwargs)
        step.check_choice("scale", scale, Scale)
        self._scale, self._shows_mask = scale, shows_mask
        self._halves = halves.Halves(self.event_shape, masking=masking, half=transforms)
        outputs = self._halves.channels
        inputs = self._halves.kept_channels + int(shows_mask)
        self.rescale = None
        if scale in _LEARNED:
            start = rescale_start if scale == "rescaled_tanh" else 0.0
            self.rescale = self.add_weight(
                name="rescale",
                shape=(outputs,),
                initializer=keras.initializers.Constant(start),
            )
        with keras.name_scope(self.name):
            self.network = choice.make(
                network,
                (*self.event_shape[:2], inputs),
                outputs if scale == "none" else 2 * outputs,
                dtype=self.dtype_policy,
                name="network",
            )
        self.built = True

    def bijector(self, *, training: bool = False) -> tfb.Bijector:
        """Returns a fresh bijector from noise to data."""
        return _CouplingBijector(
            lambda x: self._parameters(x, lambda c: self.network(c, training=training))
        )

    def start(self, x: tf.Tensor) -> tf.Tensor:
        """Sets what the network starts from a batch, and returns its noise."""
        if hasattr(self.network, "start"):
            self.network.start(self._seen(x))
        return self.bijector().inverse(x)

    def _seen(self, x: tf.Tensor) -> tf.Tensor:
        """Returns what the network sees of images."""
        kept = self._halves.kept(x)
        if not self._shows_mask:
            return kept
        return tf.concat([kept, self._halves.mask(x)], axis=-1)

    def _parameters(self, x: tf.Tensor, network: Callable) -> tuple:
        """Returns the shift and log-scale of all of `x`, 0 where it is kept."""
        outputs = network(self._seen(x))
        if self._scale == "none":
            shift, log_scale = outputs, tf.zeros_like(outputs)
        else:
            shift, raw = tf.split(outputs, 2, axis=-1)
            log_scale = self._log_scale(raw)
        return self._halves.padded(shift), self._halves.padded(log_scale)

    def _log_scale(self, raw: tf.Tensor) -> tf.Tensor:
        if self._scale == "tanh":
            return coupling.CLAMP * tf.tanh(raw / coupling.CLAMP)
        if self._scale == "sigmoid":
            return coupling.log_sigmoid_scale(raw)
        if self._scale == "stretched_tanh":
            stretch = tf.exp(self.rescale)
            return tf.tanh(raw / stretch) * stretch
        return raw if self._scale == "exp" else self.rescale * tf.tanh(raw)
