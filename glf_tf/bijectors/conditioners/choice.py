# SPDX-License-Identifier: Apache-2.0
"""Makes the network of a coupling on images by its name."""

__all__ = ["Network", "make"]

from collections.abc import Callable, Mapping, Sequence

from glf_tf import errors
from glf_tf.bijectors.conditioners import conditioner, gated, glow, residual

Network = Mapping[str, object] | Callable[..., conditioner.AbstractConditioner]
"""`{"name": "glow", "hidden": 64}`, or a function of `(input_shape, outputs)` and
Keras' `name` and `dtype`, such as a class."""

_NETWORKS = {
    "glow": glow.GlowConditioner,
    "gated": gated.GatedConditioner,
    "residual": residual.ResidualConditioner,
}


def make(
    network: Network, input_shape: Sequence[int], outputs: int, **kwargs
) -> conditioner.AbstractConditioner:
    """Returns a new network.

    Args:
        network: What it is.
        input_shape: (height, width, channels).
        outputs: Number of output channels.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Raises:
        InvalidValue: There is none of that name.
    """
    if callable(network):
        return network(input_shape, outputs, **kwargs)
    options = dict(network)
    name = options.pop("name", None)
    if name not in _NETWORKS:
        raise errors.InvalidValue(
            "The network of a coupling on images must be a known one, or a function",
            received=f"name={name!r}",
            do=errors.suggestion(str(name), _NETWORKS),
        )
    return _NETWORKS[name](input_shape, outputs, **options, **kwargs)
