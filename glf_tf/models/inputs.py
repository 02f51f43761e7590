# SPDX-License-Identifier: Apache-2.0
"""What models take from their users, checked at the public methods, once for all.

Kinds and shapes are checked always, also while a graph is traced. Values are looked at
in eager mode alone: in a graph that would cost every call. What is served there is
guarded by `glf_tf.export`.
"""

__all__ = [
    "binary",
    "count",
    "images",
    "latents",
    "masked",
    "space",
    "steps",
    "temperature",
]

import operator

import numpy as np
import tensorflow as tf

from glf_tf import errors, types
from glf_tf.data import pixels


def images(image: types.Tensor, *, shape: types.ImageShape) -> tf.Tensor:
    """Returns images as a tensor of floats.

    Args:
        image: `[batch, height, width, channels]` in [0, 1]; the batch may be empty.
        shape: (height, width, channels) of the model.

    Raises:
        InvalidType: They are no floats.
        InvalidValue: They have another shape, or values outside of [0, 1], or NaN.
    """
    image = _floats(image, name="Images", do="Divide uint8 by 255")
    if image.shape.rank != 4 or not image.shape[1:].is_compatible_with(shape):
        raise errors.InvalidValue(
            "Images have the model's shape, [batch, height, width, channels]",
            received=f"shape {tuple(image.shape)} for {tuple(shape)}",
            do=f"Pass images [batch, {', '.join(map(str, shape))}]",
        )
    values = _values(image)
    if values.size:
        pixels.check_range(values, name="Images")
    return image


def masked(image: types.Tensor, mask: tf.Tensor | None) -> types.Tensor:
    """Returns images whose hidden pixels are 0, whatever they were, also NaN.

    Args:
        image: `[batch, height, width, channels]`.
        mask: 1 for visible pixels, of a shape that can be broadcast; None for all.
    """
    if mask is None:
        return image
    image = tf.convert_to_tensor(image)
    return tf.where(mask > 0, image, tf.zeros([], image.dtype))


def binary(mask: tf.Tensor) -> tf.Tensor:
    """Returns a mask.

    Raises:
        InvalidValue: It has values other than 0 and 1.
    """
    values = _values(mask)
    if not np.isin(values, (0, 1)).all():
        raise errors.InvalidValue(
            "A mask is 1 where a pixel is visible and 0 where it is hidden",
            received=f"values from {values.min():.3g} to {values.max():.3g}",
            do="Round them",
        )
    return mask


def latents(z: types.Tensor, *, dim: int, name: str = "Latents") -> tf.Tensor:
    """Returns latents as a tensor of floats.

    Args:
        z: `[batch, dim]`; the batch may be empty.
        dim: Their size.
        name: What they are, for the error message.

    Raises:
        InvalidType: They are no floats.
        InvalidValue: They have another shape, or are not all finite.
    """
    z = _floats(z, name=name, do="Convert them first")
    if z.shape.rank != 2 or not z.shape[1:].is_compatible_with([dim]):
        raise errors.InvalidValue(
            f"{name} have the shape [batch, {dim}]",
            received=f"shape {tuple(z.shape)}",
            do="Pass for instance what `encode` returns",
        )
    values = _values(z)
    if not np.isfinite(values).all():
        raise errors.InvalidValue(
            f"{name} are finite",
            received=f"{np.count_nonzero(~np.isfinite(values))} that are NaN or inf",
            do="Look at where they come from",
        )
    return z


def count(n: int | tf.Tensor) -> int | tf.Tensor:
    """Returns a number of samples; 0 is one.

    Raises:
        InvalidType: It is no whole number.
        InvalidValue: It is negative.
    """
    return _whole(n, name="The number of samples", least=0)


def steps(num_steps: int | tf.Tensor) -> int | tf.Tensor:
    """Returns a number of points on a line.

    Raises:
        InvalidType: It is no whole number.
        InvalidValue: There is none.
    """
    return _whole(num_steps, name="The number of points", least=1)


def temperature(value: float | tf.Tensor) -> float | tf.Tensor:
    """Returns a factor on the standard deviation of noise.

    Raises:
        InvalidValue: It is negative or not finite.
    """
    known = _values(tf.convert_to_tensor(value))
    if known.size and not 0.0 <= float(known) < np.inf:
        raise errors.InvalidValue(
            "The temperature scales the noise: it is finite and not negative",
            received=f"temperature={float(known)}",
            do="Use 1 for the model's own samples, less for likelier ones",
        )
    return value


def space(name: str) -> str:
    """Returns where a line is straight.

    Raises:
        InvalidValue: It is neither "noise" nor "latent".
    """
    if name not in ("noise", "latent"):
        raise errors.InvalidValue(
            "A line is straight in the prior's noise, or among latents",
            received=f"space={name!r}",
            do='Use space="noise" or space="latent"',
        )
    return name


def _whole(n: int | tf.Tensor, *, name: str, least: int) -> int | tf.Tensor:
    if tf.is_tensor(n) and not hasattr(n, "numpy"):
        return n
    try:
        known = operator.index(np.asarray(n).item() if tf.is_tensor(n) else n)
    except (TypeError, ValueError) as error:
        raise errors.InvalidType(
            f"{name} is a whole number", received=repr(n), do="Pass an int"
        ) from error
    if known < least:
        raise errors.InvalidValue(
            f"{name} is at least {least}", received=known, do="Ask for more"
        )
    return n


def _floats(value: types.Tensor, *, name: str, do: str) -> tf.Tensor:
    value = tf.convert_to_tensor(value)
    if not value.dtype.is_floating:
        raise errors.InvalidType(
            f"{name} are floats", received=f"{value.dtype.name}", do=do
        )
    return value


def _values(tensor: tf.Tensor) -> np.ndarray:
    """Returns the values of a tensor in eager mode; none while a graph is traced."""
    if not tf.executing_eagerly() or not hasattr(tensor, "numpy"):
        return np.empty([0])
    return tensor.numpy()
