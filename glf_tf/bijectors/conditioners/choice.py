# SPDX-License-Identifier: Apache-2.0
"""Makes the network of a coupling on images by its name."""

__all__ = ["Network", "make"]

import inspect
from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf

from glf_tf import errors
from glf_tf.bijectors.conditioners import gated, glow, residual

Network = str | Mapping[str, object] | Callable[..., keras.layers.Layer]
"""A name, `{"name": "glow", "hidden": 64}`, or a function of `(input_shape, outputs)`
and Keras' `name` and `dtype`, such as a class, that returns a layer."""

_GIVEN = ("input_shape", "outputs")

_NETWORKS = {
    "glow": glow.GlowConditioner,
    "gated": gated.GatedConditioner,
    "residual": residual.ResidualConditioner,
}


def make(
    network: Network, input_shape: Sequence[int], outputs: int, **kwargs
) -> keras.layers.Layer:
    """Returns a new network.

    Args:
        network: What it is.
        input_shape: (height, width, channels).
        outputs: Number of output channels.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Raises:
        InvalidType: It is nothing of this, or the function returns no Keras layer.
        InvalidValue: There is no such name or option, or its images have another shape.
    """
    if isinstance(network, str):
        network = {"name": network}
    if isinstance(network, keras.layers.Layer) or not isinstance(
        network, Mapping | Callable
    ):
        raise errors.InvalidType(
            "Each coupling has a network of its own: it is given as a name, a "
            "specification, or a function that makes one",
            received=f"network={network!r}"[:80],
            do='Use for instance "glow", or a function of (input_shape, outputs, *, '
            "name, dtype)",
        )
    if callable(network):
        return _built(network(input_shape, outputs, **kwargs), input_shape, outputs)
    options = dict(network)
    name = options.pop("name", None)
    if name not in _NETWORKS:
        raise errors.InvalidValue(
            "The network of a coupling on images must be a known one, or a function",
            received=f"name={name!r}",
            do=errors.suggestion(str(name), _NETWORKS),
        )
    cls = _NETWORKS[name]
    known = inspect.signature(cls).parameters
    for option in options:
        if option not in known:
            raise errors.InvalidValue(
                f"The network {name} has no option of that name",
                received=f"{option}={options[option]!r}",
                do=errors.suggestion(option, set(known) - {"kwargs", *_GIVEN}),
            )
        if known[option].annotation is int:
            _check_size(option, options[option])
    return cls(input_shape, outputs, **options, **kwargs)


def _built(
    layer: object, input_shape: Sequence[int], outputs: int
) -> keras.layers.Layer:
    """Returns a layer of a user with its variables."""
    if not isinstance(layer, keras.layers.Layer):
        raise errors.InvalidType(
            "The function that makes the network of a coupling must return a layer",
            received=type(layer).__name__,
            do="Return a Keras layer or model",
        )
    found = layer(tf.zeros([1, *input_shape], layer.compute_dtype)).shape
    if tuple(found) != (1, *input_shape[:2], outputs):
        raise errors.InvalidValue(
            "The network of a coupling keeps height and width, and has as many output "
            "channels as it is made for",
            received=f"outputs {tuple(found)[1:]} of inputs {tuple(input_shape)}",
            do=f"End with a convolution of {outputs} filters, and padding='same'",
        )
    return layer


def _check_size(name: str, size: object) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise errors.InvalidValue(
            f"`{name}` of the network of a coupling must be a positive whole number",
            received=f"{name}={size!r}",
            do="Use for instance 32",
        )
