# SPDX-License-Identifier: Apache-2.0
"""Checks of the perceptual loss' options."""

__all__ = [
    "VGG16",
    "check",
    "check_other",
    "check_vgg",
    "factors",
    "padded",
    "stated",
    "vgg_network",
]

import math
from collections.abc import Sequence

from glf_tf import checks, errors, types
from glf_tf.networks import pixel_scales, vgg, vgg_weights

VGG16 = "vgg16"
"""The network that is meant by its name."""

_AUTO = "auto"
_KNOWN = {
    "reduction": ("sum", "mean"),
    "normalize": ("none", "channels", "levels"),
    "inputs": (_AUTO, *pixel_scales.SCALES),
    "activation": vgg.ACTIVATIONS,
}
_LEVELS_BY_SIZE = ((16, 2), (32, 3), (64, 4), (math.inf, 5))
_OF_VGG = {"activation": "in_place", "weights": "imagenet"}
"""Options of VGG16 alone, with their defaults."""


def check(**choices: str) -> None:
    """Checks options that are one of several texts.

    Raises:
        InvalidValue: One is unknown.
    """
    for name, value in choices.items():
        if value not in _KNOWN[name]:
            raise errors.InvalidValue(
                f"`{name}` must be one of {', '.join(_KNOWN[name])}",
                received=f"{name}={value!r}",
                do=errors.suggestion(value, _KNOWN[name]),
            )


def check_vgg(*, layers: Sequence[str]) -> None:
    """Refuses options of other networks beside VGG16.

    Raises:
        InvalidValue: There are layers.
    """
    if layers:
        raise errors.InvalidValue(
            "`layers` are those of another network than vgg16",
            received=f"layers={','.join(layers)}",
            do="Use --reconstruction.levels, or pass a --reconstruction.network",
        )


def check_other(**options: str) -> None:
    """Refuses options of VGG16 beside another network.

    Raises:
        InvalidValue: One is not at its default.
    """
    for name, value in options.items():
        if value != _OF_VGG[name]:
            raise errors.InvalidValue(
                f"`{name}` is for the network vgg16",
                received=f"{name}={value} beside another network",
                do=f"Leave out --reconstruction.{name}",
            )


def stated(inputs: str) -> str:
    """Returns the scale of another network's pixels, which must be stated.

    Raises:
        InvalidValue: It is "auto".
    """
    if inputs != _AUTO:
        return inputs
    raise errors.InvalidValue(
        "`inputs` must say how a network other than vgg16 expects its pixels",
        received=f"inputs={inputs}",
        do="Use --reconstruction.inputs=unit for pixels in [0, 1], as the networks of "
        "tools/train_features.py expect; symmetric for [-1, 1], bytes for [0, 255], "
        "imagenet or caffe",
    )


def padded(image_shape: types.ImageShape, *, pad: int) -> types.ImageShape:
    """Returns the shape of images with a border.

    Raises:
        InvalidValue: The border is negative.
    """
    pad = checks.at_least("pad", pad, 0)
    height, width, channels = image_shape
    return height + 2 * pad, width + 2 * pad, channels


def vgg_network(
    weights: str,
    *,
    image_shape: types.ImageShape,
    pad: int,
    levels: int,
    activation: str,
) -> vgg.Network:
    """Returns VGG16, whose weights are not read yet.

    Args:
        weights: Its weights.
        image_shape: (height, width, channels) of images without their border.
        pad: The width of the border.
        levels: Number of levels; 0 for the published rule.
        activation: Which side of the ReLU.

    Raises:
        InvalidValue: It has no such levels of such images, or weights of such a name.
    """
    check(activation=activation)
    vgg_weights.check_name(weights)
    if image_shape[-1] not in (1, 3):
        raise errors.InvalidValue(
            "VGG16 needs grey images, or images with three channels",
            received=f"{image_shape[-1]} channels",
            do="Use another --reconstruction.network, or another --reconstruction",
        )
    side = min(padded(image_shape, pad=pad)[:2])
    levels = levels or _levels_for(min(image_shape[:2]))
    _check_levels(levels, side=side)
    return vgg.Network(
        weights, architecture=vgg.VGG16, levels=levels, activation=activation
    )


def _levels_for(side: int) -> int:
    return next(levels for largest, levels in _LEVELS_BY_SIZE if side <= largest)


def _check_levels(levels: int, *, side: int) -> None:
    most = len(vgg.VGG16.compared)
    if not 0 < levels <= most:
        raise errors.InvalidValue(
            f"`levels` must lie between 1 and {most}, or be 0 for the published rule",
            received=f"levels={levels}",
            do="Use for instance --reconstruction.levels=3",
        )
    least = vgg.VGG16.least_size(levels)
    if side < least:
        raise errors.InvalidValue(
            f"Images must have sides of {least} pixels for {levels} levels",
            received=f"a side of {side}, with its `pad`",
            do="Use fewer --reconstruction.levels, or a --reconstruction.pad",
        )


def factors(text: str, *, pixels: float, levels: int) -> tuple[float, ...]:
    """Returns the weights of pixels and of each level.

    Args:
        text: Those of the levels, comma-separated; "" for 1 each.
        pixels: That of the pixels.
        levels: Number of levels.

    Raises:
        InvalidValue: There are not as many, or one is negative.
    """
    try:
        weights = tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        weights = ()
    if text and len(weights) != levels:
        raise errors.InvalidValue(
            f"`level_weights` must be {levels} comma-separated numbers, one per level",
            received=f"level_weights={text!r}",
            do=f"Use for instance level_weights={','.join('1' * levels)}",
        )
    of_levels = [checks.not_negative("level_weights", value) for value in weights] or [
        1.0
    ] * levels
    return (checks.not_negative("pixel_weight", pixels), *of_levels)
